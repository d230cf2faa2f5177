/**
 * Names that survive. A script that was renamed is one script: two paths belong together in a project where a version of
 * one is, byte for byte or in at least half of its lines, a version of the other, and the later tree no longer has the
 * earlier path (a copy beside the original is another script). A project is one however it is reached: keys that occur in
 * one run (given name, remote, root commit) belong together. Drawn from what all runs say, whatever the order.
 */
import type { Database } from "bun:sqlite";
import type { SearchIndex } from "./search-index.ts";

interface ScriptVersion {
  path: string;
  blob: string;
  project: string;
  snapshot: string;
  lines: string;
}

/** Share of lines in common (of the longer version) from which on a file that took another's place is the same file. */
const sameShare = 0.5;

function matches(path: string, wanted: string): boolean {
  if (wanted.includes("*")) {
    const pattern = wanted
      .split("*")
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
      .join(".*");
    return new RegExp(`(^|/)${pattern}$`, "i").test(path);
  }
  const [one, other] = [path.toLowerCase(), wanted.toLowerCase()];
  return one === other || one.endsWith(`/${other}`);
}

function sharedLines(left: string, right: string): number {
  const [a, b] = [JSON.parse(left) as string[], new Set(JSON.parse(right) as string[])];
  const longer = Math.max(a.length, b.size);
  return longer === 0 ? 0 : a.filter((line) => b.has(line)).length / longer;
}

function isSame(a: ScriptVersion, b: ScriptVersion, hasFile: (snapshot: string, path: string) => boolean): boolean {
  if (a.path === b.path || a.project !== b.project) return false;
  // In neither tree do both exist: one took the other's place.
  if (hasFile(a.snapshot, b.path) || hasFile(b.snapshot, a.path)) return false;
  return a.blob === b.blob || sharedLines(a.lines, b.lines) >= sameShare;
}

/** Every path that a script named `wanted` goes or went by; at least those that match the name itself. */
export function scriptsNamed(database: Database, index: SearchIndex, wanted: string): string[] {
  const labels = database.query("SELECT value FROM label_names WHERE field = 'script'").all() as { value: string }[];
  const paths = new Set(labels.map(({ value }) => value).filter((path) => matches(path, wanted)));
  const versions = database.query("SELECT * FROM scripts ORDER BY path, blob, project").all() as ScriptVersion[];
  const open = versions.filter(({ path }) => paths.has(path));
  const known = new Set(open);
  for (let version = open.pop(); version !== undefined; version = open.pop()) {
    for (const other of versions) {
      if (known.has(other) || !isSame(version, other, (snapshot, path) => index.hasFile(snapshot, path))) continue;
      for (const sibling of versions) {
        if (sibling.path !== other.path || sibling.project !== other.project || known.has(sibling)) continue;
        known.add(sibling);
        open.push(sibling);
      }
      paths.add(other.path);
    }
  }
  return [...paths];
}

/** Every key of the projects that `wanted` names: by name, remote, last part of the remote, or root commit. */
export function projectsNamed(database: Database, wanted: string): string[] {
  const rows = database.query("SELECT keys FROM project_keys").all() as { keys: string }[];
  const sets = rows.map(({ keys }) => JSON.parse(keys) as string[]);
  const found = new Set(
    sets
      .flat()
      .filter(
        (key) =>
          matches(key.replace(/^root:/, ""), wanted) ||
          (key.startsWith("root:") && wanted.length >= 7 && key.startsWith(`root:${wanted}`)),
      ),
  );
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const keys of sets) if (keys.some((key) => found.has(key))) for (const key of keys) found.add(key);
  }
  return [...found];
}
