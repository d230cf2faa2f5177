/**
 * Whether a dataset lies on the local disks: warm, on its way, asked for, read where it is, or not there, in the words and the
 * bar of one line. Pure; what the workers tell of their disks comes from `status` or `prewarm.list`.
 */
import { formatSize } from "../core/size.ts";
import type { WorkerState } from "../protocol/requests.ts";
import { type Face, type Line, span } from "./face.ts";
import { shortId } from "./mark.ts";
import { safeText } from "./safe-text.ts";
import { progressBar } from "./spark.ts";
import { roughDuration } from "./time.ts";

type DataFacts = NonNullable<WorkerState["data"]>;
export type Store = { worker: string } & DataFacts;

/** Name, version and checksum as registered; the checksum is what copies are known by. */
export interface Wanted {
  name: string;
  version: string | null;
  checksum: string | null;
}

export type Warmth =
  | { kind: "warm"; workers: string[]; pinned: boolean; readers: string[] }
  | {
      kind: "copying";
      worker: string;
      doneBytes: number;
      totalBytes: number;
      etaSeconds: number | null;
      forRun: string | null;
    }
  | { kind: "failed"; worker: string; reason: string }
  /** A copy is not worth making. */
  | { kind: "in_place" }
  | { kind: "cold" }
  /** No living worker tells of its disk. */
  | { kind: "unknown" };

/** What workers that are alive tell of their disks. */
export function storesOf(workers: readonly WorkerState[]): Store[] {
  return workers.flatMap(({ alive, worker, data }) => (alive && data != null ? [{ worker, ...data }] : []));
}

const isIt = ({ name, version }: Wanted, other: { name: string; version: string }) =>
  other.name === name && (version === null || other.version === version);

/** The best that any of the disks has of it. */
export function warmthOf(wanted: Wanted, stores: readonly Store[]): Warmth {
  if (stores.length === 0) return { kind: "unknown" };
  const copies = stores.flatMap(({ worker, copies: of }) =>
    of.filter((copy) => copy.checksum === wanted.checksum).map((copy) => ({ worker, copy })),
  );
  if (copies.length > 0)
    return {
      kind: "warm",
      workers: copies.map(({ worker }) => worker),
      pinned: copies.some(({ copy }) => copy.pinned),
      readers: copies.flatMap(({ copy }) => copy.runs),
    };
  for (const { worker, copying } of stores) {
    const found = copying.find((one) => isIt(wanted, one));
    if (found === undefined) continue;
    const { done_bytes: doneBytes, total_bytes: totalBytes, eta_seconds: etaSeconds, for_run: forRun } = found;
    return { kind: "copying", worker, doneBytes, totalBytes, etaSeconds, forRun };
  }
  for (const { worker, failed } of stores) {
    const found = failed.find((one) => isIt(wanted, one));
    if (found !== undefined) return { kind: "failed", worker, reason: found.reason };
  }
  const inPlace = stores.some((store) => store.in_place.includes(wanted.checksum ?? ""));
  return inPlace ? { kind: "in_place" } : { kind: "cold" };
}

/** `6.1/8.0 GB`, `700 MB/1.2 GB`. */
function partText(part: number, whole: number): string {
  const [done, all] = [formatSize(part), formatSize(whole)];
  const unit = all.slice(all.indexOf(" "));
  return `${done.endsWith(unit) ? done.slice(0, -unit.length) : done}/${all}`;
}

/** `━━━━━╌╌╌ 6.1/8.0 GB, warm in 4m`, `warm on gpu01`, `not here yet`. */
export function warmthLine(warmth: Warmth, face: Face): Line {
  if (warmth.kind === "copying") {
    const { doneBytes, totalBytes, etaSeconds } = warmth;
    const bar = progressBar(totalBytes > 0 ? doneBytes / totalBytes : 0, { width: 8, unicode: face.unicode });
    const when = etaSeconds === null ? "" : `, warm in ${roughDuration(etaSeconds * 1000)}`;
    return [span(bar, "live"), span(` ${partText(doneBytes, totalBytes)}${when}`)];
  }
  if (warmth.kind === "warm") {
    const { workers, pinned, readers } = warmth;
    const read = readers.length === 0 ? "" : `, read by ${readers.slice(0, 3).map(shortId).join(", ")}`;
    return [
      span("warm", "good"),
      span(` on ${workers.map(safeText).join(", ")}${pinned ? ", pinned" : ""}${read}`, "dim"),
    ];
  }
  if (warmth.kind === "failed") return [span(`not copied: ${safeText(warmth.reason)}`, "warn")];
  if (warmth.kind === "in_place") return [span("read where it is", "dim")];
  return [span(warmth.kind === "cold" ? "not on a local disk" : "no worker tells", "dim")];
}
