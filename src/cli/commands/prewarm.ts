/** `ml prewarm`: what should lie on the local disk, or at the engine of containers, before anybody needs it, what is to stay, what is there, and what was removed for what. */
import { MlError } from "../../core/error.ts";
import { isVenvWish, prewarmPage, wishedLines } from "../../view/prewarm-page.ts";
import { type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";

async function list(context: Context): Promise<void> {
  const connection = await context.connect();
  const reply = await connection.ask("prewarm.list", {});
  context.output.result({
    schema: "ml.prewarm.list/1",
    value: () => reply,
    ids: () => reply.workers.flatMap(({ copies }) => copies.map(({ name, version }) => `${name}=${version}`)),
    rows: () =>
      reply.workers.flatMap(({ worker, copies }) =>
        copies.map((copy) => [worker, copy.name, copy.version, copy.size_bytes, copy.last_used_at, copy.pinned]),
      ),
    human: () => pageText(prewarmPage(reply, faceOf(context.output, serverNowMs(connection))), context.output),
  });
}

export const command = defineCommand({
  name: "prewarm",
  group: "data",
  summary: "bring datasets and images to the machine ahead of the runs that need them",
  about:
    "What waiting runs need is brought without being asked, in the order in which they are expected to start; environments (`ml queue --venv`) and the images of containers (`podman run IMAGE …`) likewise. This asks for more: a dataset, an image, or what a run uses. `--pin` keeps a dataset until `--unpin` or `--cancel`; so it does an environment that is built (`venv:KEY` as the list names it, or that of a run). Without a name, or with `--list`, it shows what is there, what is under way and what made room for what.",
  positionals: [
    {
      name: "NAME|RUN|IMAGE|venv:KEY",
      about: "datasets, runs, images of a registry, or environments that are built",
      many: true,
      optional: true,
      complete: "dataset",
    },
  ],
  flags: {
    list: flag.on("show what is warm and what is under way"),
    cancel: flag.on("take a wish back; a copy under way for nobody else ends"),
    pin: flag.on("never remove it to make room"),
    unpin: flag.on("it may be removed again; it is still asked for"),
  },
  examples: [
    ["ml prewarm imagenet-train --pin", "and keep it"],
    ["ml prewarm ghcr.io/lab/train@sha256:…", "an image, for the worker's podman, docker or nerdctl"],
    ["ml prewarm venv:8794d7d8 --pin", "keep an environment; `ml prewarm RUN --pin` keeps all that a run uses"],
    ["ml prewarm --list", "what is where"],
  ],
  schemas: {
    "ml.prewarm/1":
      "`wishes`: each `name`, `version`, `checksum` (of an environment `venv:KEY`), `by`, `at`, `pinned`, and for an image `engine`",
    "ml.prewarm.list/1":
      "`wishes`, `workers`: each `worker`, `folder`, `mode`, `used_bytes`, `limit_bytes`, `copies`, `needed`, `warm`, `copying`, `failed`, `evicted`, `venvs` (environments: `folder`, `used_bytes`, `limit_bytes`, `built`, `ready`, `needed`, `warm`, `building`, `failed`, `evicted`), `images` (`pulled`, `there`, `needed`, `warm`, `pulling`, `failed`)",
  },
  async run(context, args) {
    const { list: listed, cancel, pin, unpin } = args.flags;
    const names = args.words;
    if (listed || names.length === 0) {
      const acts = [cancel && "--cancel", pin && "--pin", unpin && "--unpin"].filter((act) => act !== false);
      if (acts.length > 0)
        throw new MlError("usage", `\`${acts[0]}\` wants a name`, { hint: `ml prewarm ${acts[0]} NAME` });
      await list(context);
      return undefined;
    }
    if ([cancel, pin, unpin].filter(Boolean).length > 1)
      throw new MlError("usage", "`--cancel`, `--pin` and `--unpin` exclude each other", { hint: "give one of them" });
    const connection = await context.connect();
    const { wishes } = cancel
      ? await connection.ask("prewarm.cancel", { names })
      : await connection.ask("prewarm.wish", { names, pin, unpin });
    context.output.result({
      schema: "ml.prewarm/1",
      value: () => ({ wishes }),
      ids: () => wishes.map((wish) => (isVenvWish(wish) ? wish.checksum : `${wish.name}=${wish.version}`)),
      rows: () => wishes.map(({ name, version, by, at, pinned }) => [name, version, by, at, pinned]),
      human: () =>
        pageText(wishedLines(wishes, cancel ? "cancel" : pin ? "pin" : unpin ? "unpin" : "bring"), context.output),
    });
    return undefined;
  },
});
