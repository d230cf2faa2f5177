/**
 * Which environments a person means who wants them to stay: `venv:KEY` as the pages of workers name them (the beginning of a key
 * will do), or that of a run. Only what is built can be pinned: until then nobody but a worker knows its key.
 */
import { MlError } from "../core/error.ts";
import type { Manifest } from "../run/manifest.ts";
import { type PrewarmWish, venvWishSum, wishedVenv } from "../run/prewarm-wishes.ts";
import type { Context } from "./context.ts";

type Pin = Pick<PrewarmWish, "name" | "version" | "checksum">;
type Workers = Pick<Context, "workers">;

const prefix = "venv:";
/** So much of a key do pages show. */
const shownLetters = 8;

export const namesVenv = (text: string) => text.startsWith(prefix);

const pinOf = (key: string, lock: string): Pin => ({
  ...{ name: lock, version: key.slice(0, shownLetters), checksum: venvWishSum(key) },
});

function built({ workers }: Workers) {
  return workers.states().flatMap(({ alive, venvs }) => (alive ? (venvs?.built ?? []) : []));
}

/** The one environment whose key begins so: built, or pinned before. Throws `not_found` and `ambiguous`. */
export function venvByKey(context: Workers, text: string, wishes: readonly PrewarmWish[]): Pin {
  const begin = text.slice(prefix.length);
  const found = new Map<string, Pin>();
  for (const wish of wishes) found.set(wishedVenv(wish) ?? "", wish);
  for (const { key, lock } of built(context)) found.set(key, pinOf(key, lock));
  const hits = [...found].filter(([key]) => begin !== "" && key.startsWith(begin));
  const [hit] = hits;
  if (hits.length === 1 && hit !== undefined) return pinOf(hit[0], hit[1].name);
  const hint = "`ml prewarm --list` shows the environments that there are";
  if (hits.length === 0) throw new MlError("not_found", `no environment \`${text}\` is built`, { hint });
  throw new MlError("ambiguous", `\`${text}\` may be ${hits.map(([key]) => `${prefix}${key}`).join(" or ")}`, {
    hint: "write more of its key",
  });
}

/** That which a run was given, or will be; null where it has none, or nobody knows it yet. */
export function venvOfRun(context: Workers, { run_id: runId, environment: { venv } }: Manifest): Pin | null {
  if (venv === null) return null;
  const key = venv.key ?? built(context).find(({ next_run: next }) => next === runId)?.key ?? null;
  return key === null ? null : pinOf(key, venv.lock);
}
