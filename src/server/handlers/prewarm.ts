/** Wishes for what should lie on the local disks, and what does: workers read the wishes and tell of the rest in their heartbeats. */
import { isoTime } from "../../core/clock.ts";
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { readDataset, readDatasetWish, requireVersion } from "../../run/dataset-record.ts";
import { mostWishes, type PrewarmWish, readWishes, writeWishes } from "../../run/prewarm-wishes.ts";
import { requireManifest } from "../../run/store.ts";
import type { Context } from "../context.ts";
import { idOf } from "../owned.ts";

type Chosen = Pick<PrewarmWish, "name" | "version" | "checksum">;

/** A dataset by its name, else those of a run. */
function chosenBy(context: Context, text: string): Chosen[] {
  const [plain = ""] = text.split("=");
  const record = readDataset(context.base, plain);
  if (record !== null) {
    const { version, checksum } = requireVersion(record, readDatasetWish(text).version);
    return [{ name: record.name, version, checksum }];
  }
  let runId: string;
  try {
    runId = idOf(context, text);
  } catch {
    throw new MlError("not_found", `there is neither a dataset nor a run \`${text}\``, {
      hint: "`ml dataset list` lists datasets",
    });
  }
  const uses = requireManifest(context.base.run(runId)).datasets;
  if (uses.length === 0)
    throw new MlError("not_found", `run \`${runId}\` names no dataset`, {
      hint: "`ml queue --data NAME` names one; an environment (`--venv`) is built unasked while its run waits",
    });
  return uses.flatMap(({ name, version, checksum }) =>
    version === null || checksum === null ? [] : [{ name, version, checksum }],
  );
}

/** What somebody pinned stays so until they, or an administrator, say otherwise. */
function requireOwn({ asker }: Context, before: PrewarmWish | undefined): void {
  if (before === undefined || before.by === asker.user || asker.role === "admin") return;
  throw new MlError("not_allowed", `\`${before.name}\` was asked for by ${before.by}`, {
    hint: `ask ${before.by}, or an administrator`,
  });
}

export function prewarmWish(
  context: Context,
  { names, pin, unpin }: ParsedBody<"prewarm.wish">,
): Reply<"prewarm.wish"> {
  if (pin && unpin) throw new MlError("usage", "`pin` and `unpin` exclude each other");
  const { base, asker, clock } = context;
  const chosen = names.flatMap((text) => chosenBy(context, text));
  const sums = new Set(chosen.map(({ checksum }) => checksum));
  const at = isoTime(clock.nowMs());
  const wishes = readWishes(base.prewarm);
  const kept = wishes.filter(({ checksum }) => !sums.has(checksum));
  const made = [...new Map(chosen.map((one) => [one.checksum, one])).values()].map((one): PrewarmWish => {
    const before = wishes.find(({ checksum }) => checksum === one.checksum);
    if (unpin) requireOwn(context, before);
    return before === undefined
      ? { ...one, by: asker.user, at, pinned: pin }
      : { ...before, pinned: unpin ? false : pin || before.pinned };
  });
  if (kept.length + made.length > mostWishes)
    throw new MlError("refused", `${mostWishes} wishes are the limit`, {
      hint: "`ml prewarm --cancel NAME` takes one back",
    });
  writeWishes(base.prewarm, [...kept, ...made]);
  context.audit.note(asker, {
    action: "prewarm",
    detail: made.map(({ name, version }) => `${name}=${version}`).join(", "),
  });
  context.pokeWorker();
  return { wishes: made };
}

export function prewarmCancel(context: Context, { names }: ParsedBody<"prewarm.cancel">): Reply<"prewarm.cancel"> {
  const { base, asker } = context;
  const sums = new Set(names.flatMap((text) => chosenBy(context, text)).map(({ checksum }) => checksum));
  const wishes = readWishes(base.prewarm);
  const gone = wishes.filter(({ checksum }) => sums.has(checksum));
  for (const wish of gone) requireOwn(context, wish);
  if (gone.length > 0)
    writeWishes(
      base.prewarm,
      wishes.filter(({ checksum }) => !sums.has(checksum)),
    );
  context.audit.note(asker, { action: "prewarm.cancel", detail: gone.map(({ name }) => name).join(", ") });
  context.pokeWorker();
  return { wishes: [...gone] };
}

export function prewarmList({ base, workers }: Context): Reply<"prewarm.list"> {
  const states = workers.states().filter((one) => one.alive);
  return {
    wishes: [...readWishes(base.prewarm)],
    workers: states.flatMap(({ worker, data, venvs }) => (data === null ? [] : [{ worker, ...data, venvs }])),
  };
}
