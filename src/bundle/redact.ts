/**
 * Taking paths, names and secrets out of the texts of a bundle, with a list of what was taken. A net, not a proof: it finds
 * home folders and the base, the people and machines that the records name, and what has the shape of a credential. Code and
 * artifacts are never changed, because they would not be what ran; where they hold such a thing, the list says so.
 */
import { withoutSecrets } from "../core/secrets.ts";
import type { Manifest } from "../run/manifest.ts";

export const redactions = ["paths", "names", "secrets"] as const;
export type Redaction = (typeof redactions)[number];

interface Rule {
  kind: Redaction;
  pattern: RegExp;
  mark: string;
  /** What the list says of it. */
  what: string;
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
const homes = /\/(?:home|Users)\/[^/\s"'`:;,\\]+|\/root(?=\/)/g;

/** A name as a word of its own: `ana`, not `banana`. */
const word = (name: string) => new RegExp(`(?<![A-Za-z0-9])${escaped(name)}(?![A-Za-z0-9])`, "g");

function namedIn(manifests: readonly Manifest[]): { people: string[]; hosts: string[] } {
  const people = new Set<string>();
  const hosts = new Set<string>();
  for (const manifest of manifests) {
    const { origin } = manifest.lineage as { origin?: { user?: unknown; host?: unknown } | null };
    for (const name of [
      manifest.user,
      origin?.user,
      manifest.cancelled?.by,
      ...manifest.annotations.map((one) => one.author),
    ])
      if (typeof name === "string" && name.length > 1) people.add(name);
    for (const host of [manifest.resources.host, origin?.host])
      if (typeof host === "string" && host.length > 1) hosts.add(host);
  }
  return { people: [...people].sort(), hosts: [...hosts].sort() };
}

export class Redactor {
  readonly #rules: Rule[] = [];
  /** What was taken out → how often, by file. */
  readonly #removed = new Map<string, Map<string, number>>();
  readonly #left = new Map<string, Map<string, number>>();

  constructor(
    readonly wanted: ReadonlySet<Redaction>,
    { manifests, base }: { manifests: readonly Manifest[]; base: string },
  ) {
    const rules = this.#rules;
    if (wanted.has("paths")) {
      rules.push({ kind: "paths", pattern: new RegExp(escaped(base), "g"), mark: "/base", what: "the base directory" });
      rules.push({ kind: "paths", pattern: homes, mark: "/home/somebody", what: "a home folder" });
    }
    if (!wanted.has("names")) return;
    const { people, hosts } = namedIn(manifests);
    for (const [index, name] of people.entries())
      rules.push({ kind: "names", pattern: word(name), mark: `person-${index + 1}`, what: `person-${index + 1}` });
    for (const [index, name] of hosts.entries())
      rules.push({ kind: "names", pattern: word(name), mark: `host-${index + 1}`, what: `host-${index + 1}` });
  }

  get isNeeded(): boolean {
    return this.wanted.size > 0;
  }

  #apply(text: string, note: (what: string, count: number) => void): string {
    let rest = text;
    for (const { pattern, mark, what } of this.#rules) {
      let count = 0;
      rest = rest.replace(pattern, () => {
        count += 1;
        return mark;
      });
      if (count > 0) note(what, count);
    }
    if (!this.wanted.has("secrets")) return rest;
    const { text: clean, count } = withoutSecrets(rest, "[removed]");
    if (count > 0) note("what looks like a secret", count);
    return clean;
  }

  #counter(list: Map<string, Map<string, number>>, path: string) {
    return (what: string, count: number) => {
      const counts = list.get(path) ?? new Map<string, number>();
      counts.set(what, (counts.get(what) ?? 0) + count);
      list.set(path, counts);
    };
  }

  /** The text without what was to go; in JSON only strings are changed, so that it stays JSON. */
  clean(path: string, text: string): string {
    if (!this.isNeeded) return text;
    const note = this.#counter(this.#removed, path);
    if (path.endsWith(".json")) return this.#cleanJson(text, 2, note) ?? this.#apply(text, note);
    if (!path.endsWith(".jsonl")) return this.#apply(text, note);
    const lines = text.split("\n").map((line) => this.#cleanJson(line, 0, note) ?? this.#apply(line, note));
    return lines.join("\n");
  }

  #cleanJson(text: string, indent: number, note: (what: string, count: number) => void): string | null {
    if (text.trim() === "") return text;
    let value: unknown;
    try {
      value = JSON.parse(text, (_, part) => (typeof part === "string" ? this.#apply(part, note) : part));
    } catch {
      return null;
    }
    return JSON.stringify(value, null, indent) + (indent > 0 && text.endsWith("\n") ? "\n" : "");
  }

  /** Looks at a file that stays as it is. */
  see(path: string, text: string): void {
    if (this.isNeeded) this.#apply(text, this.#counter(this.#left, path));
  }

  /** REDACTED.txt: what was removed, file by file, without saying what it was. */
  report(): string {
    const linesOf = (list: Map<string, Map<string, number>>) =>
      [...list].flatMap(([path, counts]) =>
        [...counts].map(([what, count]) => `  ${path}: ${what}, ${count === 1 ? "once" : `${count} times`}`),
      );
    const removed = linesOf(this.#removed);
    const left = linesOf(this.#left);
    return [
      `Taken out of the texts of this bundle: ${[...this.wanted].join(", ")}.`,
      "Found by their shape and by the names in the records. This is a net and not a proof: look before you publish.",
      "",
      "Removed:",
      ...(removed.length === 0 ? ["  nothing was found"] : removed),
      "",
      "Seen and left, because code and artifacts are never changed:",
      ...(left.length === 0 ? ["  nothing was found in texts of up to 4 MB"] : left),
      "",
    ].join("\n");
  }
}
