/** Checks of the folder as files: the manifest, the seal, every sum, the list of artifacts, people's words. */
import { formatSize } from "../core/size.ts";
import { hashFile } from "../run/artifacts.ts";
import { readHistory } from "../run/history.ts";
import { type Manifest, manifestSchema, schemaVersion } from "../run/manifest.ts";
import { type Check, type CheckedRun, type Finding, plural } from "./check.ts";

export const manifestCheck: Check = {
  name: "manifest",
  level: "basic",
  look({ manifest, paths }) {
    const expected = `run ${paths.runId}, format ${schemaVersion} or older, every key of its type`;
    const evidence: string[] = [];
    const parsed = manifestSchema.safeParse(manifest);
    for (const issue of parsed.error?.issues ?? []) evidence.push(`${issue.path.join(".")}: ${issue.message}`);
    if (manifest.run_id !== paths.runId) evidence.push(`run_id is ${manifest.run_id}, the folder is ${paths.runId}`);
    const newer = manifest.schema_version > schemaVersion;
    const actual = `run ${manifest.run_id}, format ${manifest.schema_version}`;
    if (newer)
      return { state: "unknown", expected, actual, evidence, cure: "check it with the newer `ml` that wrote it" };
    return { state: evidence.length === 0 ? "ok" : "failed", expected, actual, evidence };
  },
};

const short = (hash: string | null | undefined) => (hash == null ? "nothing" : `${hash.slice(0, 12)}…`);

/** Every file that is listed has its sum, and no file has come since; what was pruned on purpose is counted apart. */
async function compareSums({ paths, sums, found, pruned }: CheckedRun): Promise<Finding> {
  if (sums === null) {
    return {
      state: "failed",
      expected: "SHA256SUMS",
      actual: "no such file",
      cure: "let a worker finish it: `ml worker`",
    };
  }
  const evidence: string[] = [];
  const lost = { changed: 0, missing: 0, added: 0 };
  let gone = 0;
  let bytes = 0;
  for (const [path, sha256] of sums) {
    const file = found.get(path);
    if (file === undefined) {
      if (pruned.has(path)) {
        gone += 1;
        continue;
      }
      lost.missing += 1;
      evidence.push(`${path}: missing; it had ${short(sha256)}`);
      continue;
    }
    bytes += file.sizeBytes;
    const hashed = await hashFile(`${paths.folder}/${path}`);
    if (hashed?.sha256 === sha256) continue;
    lost.changed += 1;
    evidence.push(
      `${path}: expected ${short(sha256)}, found ${hashed === null ? "no way to read it" : short(hashed.sha256)}`,
    );
  }
  for (const path of found.keys()) {
    if (sums.has(path)) continue;
    lost.added += 1;
    evidence.push(`${path}: was added after the seal`);
  }
  const words = Object.entries(lost).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`]));
  const kept = sums.size - gone - lost.changed - lost.missing;
  const same = `${plural(kept, "file")} unchanged, ${formatSize(bytes)}`;
  const parts = [same, ...words, ...(gone > 0 ? [`${gone} pruned (history.jsonl has them)`] : [])];
  return {
    state: words.length === 0 ? "ok" : "failed",
    expected: `${plural(sums.size, "file")} as sealed`,
    actual: parts.join(", "),
    evidence,
    cure: words.length === 0 ? null : "restore them from a backup; `ml reproduce` makes the run again",
  };
}

export const sumsCheck: Check = { name: "sums", level: "basic", look: compareSums };

/** What the manifest says of single files is what SHA256SUMS says: changing a file and its sum is not enough. */
function listedHashes(manifest: Manifest): [path: string, sha256: string | undefined][] {
  return [
    ...(manifest.artifacts?.files ?? []).map((file): [string, string | undefined] => [
      `work/${file.path}`,
      file.sha256,
    ]),
    ...Object.entries(manifest.environment.files),
  ];
}

export const artifactsCheck: Check = {
  name: "artifacts",
  level: "basic",
  look({ manifest, sums }) {
    if (manifest.artifacts === null || sums === null) return { state: "skipped", actual: "no list of artifacts" };
    const listed = listedHashes(manifest).filter(([, sha256]) => sha256 !== undefined);
    const evidence = listed.flatMap(([path, sha256]) =>
      sums.get(path) === sha256
        ? []
        : [`${path}: the manifest has ${short(sha256)}, SHA256SUMS has ${short(sums.get(path))}`],
    );
    return {
      state: evidence.length === 0 ? "ok" : "failed",
      expected: "the hashes of the manifest in SHA256SUMS",
      actual: `${listed.length - evidence.length} of ${listed.length} agree`,
      evidence,
    };
  },
};

export const historyCheck: Check = {
  name: "history",
  level: "basic",
  look({ paths, manifest }) {
    const entries = readHistory(paths);
    const notes = entries.filter((entry) => entry.field === "annotations").map(({ value }) => JSON.stringify(value));
    const known = new Set(notes.map((text) => noteKey(JSON.parse(text))));
    const evidence = manifest.annotations.flatMap((note) =>
      known.has(noteKey(note)) ? [] : [`the note of ${note.timestamp} by ${note.author} is not in history.jsonl`],
    );
    return {
      state: evidence.length === 0 ? "ok" : "failed",
      expected: "every later word in history.jsonl",
      actual: `${plural(entries.length, "change")}, ${plural(manifest.annotations.length, "note")}`,
      evidence,
    };
  },
};

function noteKey(note: { timestamp?: unknown; author?: unknown; note?: unknown } | null): string {
  return JSON.stringify([note?.timestamp, note?.author, note?.note]);
}
