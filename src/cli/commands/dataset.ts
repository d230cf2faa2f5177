/** `ml dataset add·list·show·verify·remove`: folders of data under a name, with what was in them when they were registered. */
import { isAbsolute, resolve } from "node:path";
import { MlError } from "../../core/error.ts";
import type { Reply } from "../../protocol/requests.ts";
import { currentOf, datasetPage, datasetsPage, outcomePage } from "../../view/dataset-page.ts";
import { plainFacts } from "../../view/facts.ts";
import { type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { interruptible } from "../interruptible.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";

type Job = Reply<"dataset.job">;
type Outcome = NonNullable<Job["outcome"]>;

/** `NAME` or `NAME=VERSION`. */
function nameAndVersion(text: string): { name: string; version: string | null } {
  const [name = "", version = null] = text.split(/=(.*)/s);
  return { name, version };
}

/** Follows a reading to its end. Null where Ctrl-C was typed: the server goes on. */
async function follow(context: Context, begin: (connection: Awaited<ReturnType<Context["connect"]>>) => Promise<Job>) {
  const progress = context.output.progress("reading", "bytes");
  const outcome = await interruptible(async ({ signal }) => {
    const connection = await context.connect({ start: true });
    let job = await begin(connection);
    while (job.state === "running" && !signal.aborted) {
      job = await connection.ask("dataset.job", { job_id: job.job_id, wait_ms: 500 });
      if (job.phase === "reading") progress.update(job.done_bytes, job.total_bytes);
    }
    return job;
  }).finally(() => progress.end());
  if (outcome.kind === "interrupted") return null;
  const { error, outcome: made } = outcome.value;
  if (error !== null) throw MlError.fromValue({ ...error, hint: error.hint ?? undefined } as never);
  return made;
}

function showOutcome(context: Context, schema: string, outcome: Outcome): void {
  context.output.result({
    schema,
    value: () => outcome,
    ids: () => [`${outcome.name}=${outcome.version}`],
    rows: () => plainFacts(outcome),
    human: () => pageText(outcomePage(outcome, faceOf(context.output, Date.now())), context.output),
  });
}

const detached = (context: Context) => {
  context.output.say(
    `${context.terminal.stderr ? "\n" : ""}the server goes on reading; the same command follows it again`,
  );
  return 130;
};

const outcomeKeys =
  "`name`, `version`, `added`, `checksum`, `num_files`, `size_bytes`, `read_files`, `remembered_files`, `unstable`, `left_out`, `check`, `took_seconds`";

const add = defineCommand({
  name: "add",
  group: "data",
  summary: "register a folder under a name, with the checksum of all that is in it",
  about:
    "PATH is a folder on the server's machine. Every file of it is read, several at a time, and the whole is named by one hash over paths, sizes and contents. The files stay where they are. A folder that has changed since becomes the next version. A later look reads only what looks otherwise.",
  startsServer: true,
  positionals: [
    { name: "NAME", about: "what it is called: letters, digits, dots, dashes" },
    { name: "PATH", about: "its folder", complete: "folder" },
  ],
  flags: {
    version: flag.text("V", "what this state of it is called; default: 1, 2, 3, …"),
    quick: flag.on("read a sample of the contents alone (paths and sizes of all): faster, and says less"),
    samples: flag.number("N", "how many samples it has, for the record", { least: 0, whole: true }),
  },
  examples: [
    ["ml dataset add imagenet-train /nas/datasets/imagenet/train --version ILSVRC2012", "once"],
    ["ml dataset add cifar10 ./cifar10", "beside the code, with a local server"],
  ],
  schemas: { "ml.dataset.add/1": outcomeKeys },
  async run(context, args) {
    const [name = "", given = ""] = args.words;
    const { version, quick, samples } = args.flags;
    const path = isAbsolute(given) ? given : resolve(context.cwd, given);
    const outcome = await follow(context, (connection) =>
      connection.ask("dataset.add", { name, path, version, quick, samples }),
    );
    if (outcome === null) return detached(context);
    showOutcome(context, "ml.dataset.add/1", outcome);
    return 0;
  },
});

const verify = defineCommand({
  name: "verify",
  group: "data",
  summary: "look whether a dataset is what was registered; exit 8 where it is not",
  about:
    "Files that look as they did when they were last read (size and times) are believed; `--full` reads every byte. Of a dataset that was registered with `--quick`, paths, sizes and the same sample are looked at.",
  positionals: [{ name: "NAME[=VERSION]", about: "which one", complete: "dataset" }],
  flags: { full: flag.on("read every byte") },
  examples: [
    ["ml dataset verify imagenet-train", "in seconds, where nothing changed"],
    ["ml dataset verify imagenet-train=ILSVRC2012 --full", "all of it"],
  ],
  schemas: { "ml.dataset.verify/1": outcomeKeys },
  async run(context, args) {
    const wish = { ...nameAndVersion(args.words[0] ?? ""), full: args.flags.full };
    const outcome = await follow(context, (connection) => connection.ask("dataset.verify", wish));
    if (outcome === null) return detached(context);
    showOutcome(context, "ml.dataset.verify/1", outcome);
    return outcome.check?.drift == null ? 0 : 8;
  },
});

const list = defineCommand({
  name: "list",
  group: "data",
  summary: "the registered datasets",
  positionals: [],
  flags: {},
  examples: [["ml dataset list", "each with its size and when it was checked"]],
  schemas: { "ml.dataset.list/1": "`datasets`: each as its file `datasets/<name>.json` (docs/data.md)" },
  async run(context) {
    const connection = await context.connect();
    const reply = await connection.ask("dataset.list", {});
    context.output.result({
      schema: "ml.dataset.list/1",
      value: () => reply,
      ids: () => reply.datasets.map(({ name }) => name),
      rows: () =>
        reply.datasets.map((dataset) => {
          const now = currentOf(dataset);
          return [
            dataset.name,
            dataset.current,
            now?.size_bytes ?? null,
            now?.num_files ?? null,
            now?.checksum ?? null,
            now?.path ?? null,
          ];
        }),
      human: () => pageText(datasetsPage(reply, faceOf(context.output, serverNowMs(connection))), context.output),
    });
  },
});

const show = defineCommand({
  name: "show",
  group: "data",
  summary: "one dataset: versions, checksums, which runs used it",
  positionals: [{ name: "NAME", about: "which one", complete: "dataset" }],
  flags: { limit: flag.number("N", "runs to show; default 10", { least: 1, most: 1000, whole: true }) },
  examples: [["ml dataset show imagenet-train", "and what became of it"]],
  schemas: {
    "ml.dataset.show/1":
      "`dataset` (as in `datasets/<name>.json`), `runs` (each `run`, `version`, `fetched_via`, `time_saved_seconds`, `drift`, `reads`: what it was seen to read of it, or null), `more`, `stores` (each `worker`, `copies`, `copying`, `failed`, `evicted`), `mounts` (each `worker`, `point`, `type`, `source`, `state`, `since`, `answer_ms`, `usual_ms`, `longest_ms`)",
  },
  async run(context, args) {
    const connection = await context.connect();
    const { name } = nameAndVersion(args.words[0] ?? "");
    const reply = await connection.ask("dataset.show", { name, limit: args.flags.limit ?? 10 });
    context.output.result({
      schema: "ml.dataset.show/1",
      value: () => reply,
      ids: () => reply.runs.map(({ run }) => run.run_id),
      rows: () => plainFacts(reply.dataset),
      human: () => pageText(datasetPage(reply, faceOf(context.output, serverNowMs(connection))), context.output),
    });
  },
});

const remove = defineCommand({
  name: "remove",
  group: "data",
  summary: "forget a dataset, or one version of it; its files stay",
  positionals: [{ name: "NAME[=VERSION]", about: "which one", complete: "dataset" }],
  flags: {},
  examples: [["ml dataset remove cifar10=1", "one version"]],
  schemas: { "ml.dataset.remove/1": "`name`, `versions`" },
  async run(context, args) {
    const connection = await context.connect();
    const gone = await connection.ask("dataset.remove", nameAndVersion(args.words[0] ?? ""));
    context.output.result({
      schema: "ml.dataset.remove/1",
      value: () => gone,
      ids: () => gone.versions.map((version) => `${gone.name}=${version}`),
      rows: () => gone.versions.map((version) => [gone.name, version]),
      human: () => `forgot ${gone.name} ${gone.versions.join(", ")}; its files are where they were\n`,
    });
  },
});

export const command = defineCommand({
  name: "dataset",
  group: "data",
  summary: "register folders of data, and see whether they have changed",
  positionals: [],
  flags: {},
  examples: [],
  actions: { add, list, show, verify, remove },
  async run() {
    throw new MlError("usage", "`ml dataset` wants an action", {
      hint: "ml dataset add NAME PATH, ml dataset list, ml dataset show NAME, ml dataset verify NAME",
    });
  },
});
