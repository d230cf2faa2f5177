/** Wishes for what should lie on the local disks and at the engines of containers, which environments are to stay, and what is there: workers read the wishes and tell of the rest in their heartbeats. */
import { isoTime } from "../../core/clock.ts";
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { digestInName, imageNeed, isRegistryImage } from "../../run/container-command.ts";
import { readDataset, readDatasetWish, requireVersion } from "../../run/dataset-record.ts";
import type { Manifest } from "../../run/manifest.ts";
import {
  imageWishSum,
  mostWishes,
  type PrewarmWish,
  readWishes,
  wishedImage,
  wishedVenv,
  writeWishes,
} from "../../run/prewarm-wishes.ts";
import { requireManifest } from "../../run/store.ts";
import type { Context } from "../context.ts";
import { idOf } from "../owned.ts";
import { namesVenv, venvByKey, venvOfRun } from "../venv-pins.ts";

type Chosen = Pick<PrewarmWish, "name" | "version" | "checksum" | "engine">;

/** Only a reference to an image has one of these. */
const looksLikeImage = (text: string) => /[/:@]/.test(text);

/** `repository:tag` or `repository@sha256:…`, for the engine of that name or any. */
function chosenImage(image: string, engine: string | null): Chosen {
  const digest = digestInName(image);
  const plain = image.replace(/@.*$/, "");
  const tag = /:([^:/]+)$/.exec(plain)?.[1];
  const name = tag === undefined ? plain : plain.slice(0, -tag.length - 1);
  return { name, version: digest ?? tag ?? "latest", checksum: imageWishSum(image), engine };
}

/** What is wanted of what is named: an environment is built unasked, so it can only be kept, or be kept no longer. */
type Act = "bring" | "pin" | "unpin" | "cancel";

function chosenVenv(context: Context, text: string, act: Act): Chosen[] {
  if (act !== "bring") return [venvByKey(context, text, readWishes(context.base.prewarm))];
  throw new MlError("usage", `\`${text}\` is an environment: it is built unasked while a run with it waits`, {
    hint: `\`ml prewarm ${text} --pin\` keeps it`,
  });
}

/** An environment by its key, an image by its reference, a dataset by its name, else what a run uses. */
function chosenBy(context: Context, text: string, act: Act): Chosen[] {
  if (namesVenv(text)) return chosenVenv(context, text, act);
  if (looksLikeImage(text)) {
    if (isRegistryImage(text)) return [chosenImage(text, null)];
    throw new MlError("usage", `\`${text}\` is no image of a registry`, {
      hint: "`REPOSITORY:TAG` and `REPOSITORY@sha256:…` name one",
    });
  }
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
  return usedBy(context, requireManifest(context.base.run(runId)), act);
}

function usedBy(context: Context, manifest: Manifest, act: Act): Chosen[] {
  const { run_id: runId, environment, datasets } = manifest;
  const venv = act === "bring" ? null : venvOfRun(context, manifest);
  if (act === "pin" && environment.venv !== null && venv === null)
    throw new MlError("not_found", `the environment of run \`${runId}\` is not built`, {
      hint: "`ml prewarm --list` shows when it is; then it can be pinned",
    });
  const need = imageNeed(manifest);
  const named = datasets.flatMap(({ name, version, checksum }) =>
    version === null || checksum === null ? [] : [{ name, version, checksum }],
  );
  if (datasets.length === 0 && need === null && (act === "bring" || environment.venv === null))
    throw new MlError("not_found", `run \`${runId}\` names no dataset, and starts no container from an image`, {
      hint: "`ml queue --data NAME` names one; an environment (`--venv`) is built unasked while its run waits, and `--pin` keeps it",
    });
  return [...named, ...(need === null ? [] : [chosenImage(need.image, need.tool)]), ...(venv === null ? [] : [venv])];
}

/** Engines hold what people put there; we remove none of it. */
function refuseImages(chosen: readonly Chosen[], word: string): void {
  const image = chosen.find((one) => wishedImage(one) !== null);
  if (image === undefined) return;
  throw new MlError(
    "usage",
    `\`${image.name}\` is an image: images are never removed by \`ml\`, so there is nothing to ${word}`,
    {
      hint: "without it, the image is pulled and stays until somebody removes it from the engine",
    },
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
  const chosen = names.flatMap((text) => chosenBy(context, text, pin ? "pin" : unpin ? "unpin" : "bring"));
  if (pin || unpin) refuseImages(chosen, pin ? "pin" : "unpin");
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
  // An environment that is not pinned any more is wished for no more.
  const held = made.filter((wish) => wish.pinned || wishedVenv(wish) === null);
  if (kept.length + held.length > mostWishes)
    throw new MlError("refused", `${mostWishes} wishes are the limit`, {
      hint: "`ml prewarm --cancel NAME` takes one back",
    });
  writeWishes(base.prewarm, [...kept, ...held]);
  context.audit.note(asker, {
    action: "prewarm",
    detail: made.map(({ name, version }) => `${name}=${version}`).join(", "),
  });
  context.pokeWorker();
  return { wishes: made };
}

export function prewarmCancel(context: Context, { names }: ParsedBody<"prewarm.cancel">): Reply<"prewarm.cancel"> {
  const { base, asker } = context;
  const sums = new Set(names.flatMap((text) => chosenBy(context, text, "cancel")).map(({ checksum }) => checksum));
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
    workers: states.flatMap(({ worker, data, venvs, images }) =>
      data === null ? [] : [{ worker, ...data, venvs, images }],
    ),
  };
}
