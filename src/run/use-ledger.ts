/**
 * `use/<worker>.jsonl` in the base: what each ended run held and for how long, one line a run, so that nobody has to read
 * ten thousand run folders to know who used how much lately. A cache: where its mark is missing it is made anew from the
 * folders (`rebuildUse`), and a line that was lost or stands twice changes nothing but a little fairness.
 *
 * One writer a file, its worker. Readers remember how far they have read.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { appendDurable, writeDurable } from "../core/durable.ts";
import type { Manifest } from "./manifest.ts";
import type { BasePaths } from "./paths.ts";
import { isFinal } from "./status.ts";
import { listRunIds, readManifest } from "./store.ts";

export interface UseRecord {
  run_id: string;
  user: string;
  gpus: number;
  cpu_cores: number;
  started_at: string;
  ended_at: string;
}

/** Older use has decayed to nothing: thirty half-lives of a day. */
const keptMs = 30 * 24 * 3_600_000;
const mark = ".complete";
const readsAtATime = 200;

/** Null for a run that never held anything of this machine. */
export function useOf(manifest: Manifest): UseRecord | null {
  const { run_id, user, started_at, ended_at, status } = manifest;
  if (started_at === null || ended_at === null || !isFinal(status) || manifest.lineage.kind === "import") return null;
  const { gpus, cpu_cores } = manifest.resources.requested;
  return { run_id, user, gpus, cpu_cores, started_at, ended_at };
}

/** Appends one line. Throws system errors. */
export function noteUse(base: BasePaths, worker: string, manifest: Manifest): void {
  const record = useOf(manifest);
  if (record === null) return;
  fs.mkdirSync(base.use, { recursive: true, mode: 0o700 });
  appendDurable(join(base.use, `${worker}.jsonl`), JSON.stringify(record), { mode: 0o600, sync: false });
}

/** Fills the ledger from the run folders where it is new, and drops what is too old. Throws system errors. */
export async function rebuildUse(base: BasePaths, nowMs: number): Promise<void> {
  if (fs.existsSync(join(base.use, mark))) return;
  fs.mkdirSync(base.use, { recursive: true, mode: 0o700 });
  const oldest = new Date(nowMs - keptMs).toISOString().slice(0, 10);
  let text = "";
  let looked = 0;
  for (const runId of listRunIds(base)) {
    if (runId < oldest) break;
    looked += 1;
    if (looked % readsAtATime === 0) await Bun.sleep(0);
    const read = readManifest(base.run(runId).manifest);
    const record = read.kind === "ok" ? useOf(read.manifest) : null;
    if (record !== null) text += `${JSON.stringify(record)}\n`;
  }
  writeDurable(join(base.use, "rebuilt.jsonl"), text, { mode: 0o600, sync: false });
  writeDurable(join(base.use, mark), "every run that ended lately is in here\n", { mode: 0o600, sync: false });
}

function recordOf(line: string): UseRecord | null {
  try {
    const found = JSON.parse(line) as UseRecord;
    return typeof found.run_id === "string" && typeof found.user === "string" ? found : null;
  } catch {
    return null;
  }
}

/** Reads on from where it was: each call gives the records that are new since the last. Throws nothing. */
export class UseReader {
  readonly #base: BasePaths;
  readonly #offsets = new Map<string, number>();
  readonly #seen = new Set<string>();

  constructor(base: BasePaths) {
    this.#base = base;
  }

  read(): UseRecord[] {
    let names: string[] = [];
    try {
      names = fs.readdirSync(this.#base.use).filter((name) => name.endsWith(".jsonl"));
    } catch {
      return [];
    }
    return names.flatMap((name) => this.#readFile(name));
  }

  #readFile(name: string): UseRecord[] {
    const path = join(this.#base.use, name);
    const from = this.#offsets.get(name) ?? 0;
    const size = fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size <= from) return [];
    const text = fs.readFileSync(path).subarray(from).toString("utf8");
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    this.#offsets.set(name, from + Buffer.byteLength(whole));
    const found: UseRecord[] = [];
    for (const line of whole.split("\n")) {
      const record = line === "" ? null : recordOf(line);
      if (record === null || this.#seen.has(record.run_id)) continue;
      this.#seen.add(record.run_id);
      found.push(record);
    }
    return found;
  }
}

/** Drops old lines of a worker's own file; called at its start, before it writes. Throws system errors. */
export function trimUse(base: BasePaths, worker: string, nowMs: number): void {
  const path = join(base.use, `${worker}.jsonl`);
  const size = fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size < 1024 * 1024) return;
  const oldest = new Date(nowMs - keptMs).toISOString();
  const lines = fs.readFileSync(path, "utf8").split("\n");
  const kept = lines.filter((line) => (recordOf(line)?.ended_at ?? "") >= oldest);
  writeDurable(path, kept.map((line) => `${line}\n`).join(""), { mode: 0o600, sync: false });
}
