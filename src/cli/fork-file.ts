/**
 * `.mlfork`: what a folder was forked from. `ml fork` leaves it beside the code that it checks out; `ml queue` from there
 * makes children of that run, with its group, tags and narrative where nothing else is said. It is no part of the code.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { MlError } from "../core/error.ts";
import { forkFileName } from "../transfer/ignore.ts";
import { codeOfSource, type Source } from "./derived-run.ts";
import type { CodeFields, PlannedRun } from "./planned-run.ts";
import type { Wishes } from "./submission.ts";

export interface ForkFile {
  version: 1;
  source: string;
  /** The command of the source, and the folder inside the code in which it starts. */
  argv: string[];
  cwd: string;
  /** What children inherit. */
  wishes: Partial<Wishes>;
  /** Where the code came from, as the source's record says. */
  git: CodeFields["git"];
  snapshot: string | null;
}

/** What `folder`, in which the code of `source` was laid out, was forked from. */
export function writeFork(folder: string, source: Source): void {
  const { manifest } = source;
  const { narrative, argv, cwd, environment } = manifest;
  const file: ForkFile = {
    version: 1,
    source: manifest.run_id,
    argv,
    cwd,
    wishes: {
      group: narrative.experiment_group,
      tags: narrative.tags,
      hypothesis: narrative.hypothesis,
      context: narrative.context,
      intent: narrative.intent,
      expected_outcome: narrative.expected_outcome,
    },
    git: codeOfSource(source).git,
    snapshot: environment.snapshot,
  };
  writeFileSync(join(folder, forkFileName), `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
}

/** The fork that `cwd` lies in, or null. Throws `bad_config` for a file that is no such record. */
export function readForkFile(cwd: string): { folder: string; file: ForkFile } | null {
  for (let folder = cwd; ; folder = dirname(folder)) {
    let text: string | null = null;
    try {
      text = readFileSync(join(folder, forkFileName), "utf8");
    } catch {
      if (dirname(folder) === folder) return null;
      continue;
    }
    try {
      const file = JSON.parse(text) as ForkFile;
      if (file.version === 1 && typeof file.source === "string" && Array.isArray(file.argv)) return { folder, file };
    } catch {
      // Said below.
    }
    throw new MlError(
      "bad_config",
      `\`${join(folder, forkFileName)}\` is damaged, so it cannot say what this was forked from`,
      {
        hint: "remove it to queue from here as from any folder",
      },
    );
  }
}

/** A planned run as a child of what its folder was forked from: what was said stays, the rest is inherited. */
export function asChild(run: PlannedRun, file: ForkFile, given: ReadonlySet<string>): PlannedRun {
  const inherited: Partial<Wishes> = {};
  for (const [key, flagName] of inheritable)
    if (!given.has(flagName)) Object.assign(inherited, { [key]: file.wishes[key] });
  const tags = [...new Set([...(file.wishes.tags ?? []), ...(run.wishes.tags ?? [])])];
  const parent = given.has("parent") ? run.wishes.parent : file.source;
  return {
    ...run,
    wishes: { ...run.wishes, ...inherited, tags, parent, lineage: { kind: "fork", source: file.source } },
  };
}

/** Key of a submission and the flag that says it. */
const inheritable: readonly [keyof Wishes, string][] = [
  ["group", "group"],
  ["hypothesis", "hypothesis"],
  ["context", "context"],
  ["intent", "intent"],
  ["expected_outcome", "expect"],
];
