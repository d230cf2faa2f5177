/**
 * Names of runs, the pure part: what kinds of reference there are, which names may be given, and the name of a run
 * that was given none. Which run a reference means is the catalog's business.
 */
import { MlError } from "../core/error.ts";
import { isRunId } from "../core/ids.ts";

export type Reference =
  | { kind: "id"; runId: string }
  /** `@last` is 0 back, `@last~2` two before it. */
  | { kind: "last"; back: number }
  | { kind: "running" }
  | { kind: "failed" }
  /** The run with the highest (`best:val_acc`) or lowest (`min:loss`) value of a metric; `best:val_acc@GROUP` within a group. */
  | { kind: "extreme"; most: boolean; metric: string; group: string | null }
  /** A name, or a prefix of an id or of its random part. */
  | { kind: "word"; word: string };

/** What kind of reference `text` is. Throws `usage` for an `@` word that means nothing. */
export function parseReference(text: string): Reference {
  if (isRunId(text)) return { kind: "id", runId: text };
  const extreme = /^(best|min):([^@]+)(?:@(.+))?$/.exec(text);
  if (extreme) {
    return { kind: "extreme", most: extreme[1] === "best", metric: extreme[2] ?? "", group: extreme[3] ?? null };
  }
  if (!text.startsWith("@")) return { kind: "word", word: text };
  if (text === "@running") return { kind: "running" };
  if (text === "@failed") return { kind: "failed" };
  const last = /^@last(?:~(\d{1,6}))?$/.exec(text);
  if (last) return { kind: "last", back: Number(last[1] ?? 0) };
  throw new MlError("usage", `\`${text}\` names no run`, {
    hint: "use an id, the start of one, a name, `@last`, `@last~2`, `@running`, `@failed` or `best:METRIC`",
  });
}

/** Null where a run may have this name; else one sentence that says why not. */
export function badName(name: string): string | null {
  if (name.trim() === "") return "it is empty";
  if (name.length > 128) return "it is longer than 128 characters";
  if (name.startsWith("@")) return "it begins with `@`, which is kept for `@last` and its like";
  if (/^(best|min):/.test(name)) return "it begins like `best:METRIC`, which means the best run";
  if (name.startsWith("-")) return "it begins with `-`, like an option";
  if (/^\.+$/.test(name)) return "it is nothing but dots, like a folder";
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) return "it contains control characters";
  if (isRunId(name)) return "it looks like the id of a run";
  return null;
}

/** The stem of the script, or of the program where there is no script: `python3 src/train.py --lr 1` is `train`. */
export function defaultName(argv: readonly string[]): string {
  const script = argv.slice(1).find((word) => /\.(py|sh|R|jl|js|ts|rb|pl|lua)$/.test(word) && !word.startsWith("-"));
  const base = (script ?? argv[0] ?? "run").split("/").at(-1) ?? "run";
  const stem = base.replace(/\.[A-Za-z0-9]{1,4}$/, "").replace(/[\u0000-\u001f\u007f-\u009f]/g, "");
  return stem === "" || badName(stem) !== null ? "run" : stem.slice(0, 64);
}

/** Suffixes up to this are always looked at, so that names stay small where few runs live. */
const nearSuffix = 20;

/**
 * `name` where it is free, else `name-2`, `name-3`, …: the first for which `taken` says no. Where all small ones are
 * taken the search goes on from `hint`, the `next` of the search before; `near: false` begins there at once.
 */
export function freeName(
  name: string,
  taken: (candidate: string) => boolean,
  { hint = 2, near = true }: { hint?: number | undefined; near?: boolean } = {},
): { name: string; next: number } {
  if (near) {
    if (!taken(name)) return { name, next: 2 };
    for (let n = 2; n <= nearSuffix; n++) if (!taken(`${name}-${n}`)) return { name: `${name}-${n}`, next: n + 1 };
  }
  let n = Math.max(hint, nearSuffix + 1);
  while (taken(`${name}-${n}`)) n += 1;
  return { name: `${name}-${n}`, next: n + 1 };
}
