/**
 * What a run has open, looked at for as long as it runs; env/reads.tsv keeps it, so that the next worker goes on with it. Not what
 * becomes of it: that is reads.ts.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { openedFile } from "../execute/trace-reads.ts";
import { openFiles } from "../measure/open-files.ts";
import type { Reads } from "../run/manifest-data.ts";
import type { RunPaths } from "../run/paths.ts";

export const mostFiles = 5000;
const keepEvery = 20;
/** What every program reads: interpreter, libraries, settings. */
export const isOfSystem = (path: string) =>
  /^\/(?:usr|lib|lib64|bin|sbin|etc)\//.test(path) ||
  /\/(?:site-packages|lib-dynload|__pycache__)\/|\/lib\/python[\d.]+\//.test(path);

export const readsFile = (paths: RunPaths) => join(paths.env, "reads.tsv");

/** `# samples 120`, then a line a file: at how many looks it was open, and its path. */
export const tableText = (head: string, seen: ReadonlyMap<string, number | null>) =>
  `# ${head}\n${[...seen].map(([path, looks]) => `${looks ?? "-"}\t${path.replaceAll(/[\t\n]/g, "?")}\n`).join("")}`;

/** Looks at what a run has open, for as long as it runs. */
export class ReadTrace {
  readonly #seen = new Map<string, number>();
  #looks = 0;
  #cut = false;
  /** It may be a copy's, or the run's own. */
  readonly #own: string;

  /** Goes on where an earlier worker was. */
  constructor(private readonly paths: RunPaths) {
    this.#own = `${paths.folder}/`;
    const [head = "", ...lines] = readText(readsFile(paths)).split("\n");
    this.#looks = Number(/^# samples (\d+)/.exec(head)?.[1] ?? 0);
    for (const line of lines) {
      const [looks, path] = line.split("\t");
      if (path !== undefined) this.#seen.set(path, Number(looks) || 0);
    }
  }

  /** Throws nothing. */
  look(pids: readonly number[]): void {
    if (fs.existsSync(openedFile(this.paths))) return;
    this.#looks += 1;
    for (const path of openFiles(pids)) {
      if (isOfSystem(path) || path.startsWith(this.#own)) continue;
      const before = this.#seen.get(path);
      if (before === undefined && this.#seen.size >= mostFiles) this.#cut = true;
      else this.#seen.set(path, (before ?? 0) + 1);
    }
    if (this.#looks % keepEvery === 0) this.keep();
  }

  /** So that the next worker goes on with it. */
  keep(): void {
    try {
      fs.mkdirSync(this.paths.env, { recursive: true });
      fs.writeFileSync(readsFile(this.paths), tableText(`samples ${this.#looks}`, this.#seen));
    } catch {
      // A disk that takes nothing; the last look tells all the same.
    }
  }

  found(): Found {
    return { how: "samples", looks: this.#looks, cut: this.#cut, files: this.#seen };
  }
}

export interface Found {
  how: Reads["how"];
  looks: number | null;
  cut: boolean;
  files: ReadonlyMap<string, number | null>;
}

export function readText(path: string): string {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
