/** `ml reproduce RUN`: the same code, arguments and variables as a new run, and whether the same comes out. */
import type { Connection } from "../../client/connection.ts";
import { MlError } from "../../core/error.ts";
import type { Reply } from "../../protocol/requests.ts";
import { reproductionPage } from "../../view/reproduction-page.ts";
import { type Command, type Context, defineCommand } from "../command.ts";
import { codeOfSource, derivedRun, derivedWishes, readSource } from "../derived-run.ts";
import { flag } from "../flags.ts";
import { interruptible } from "../interruptible.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";
import { queueRuns } from "../queue-runs.ts";
import { runFlags } from "../submission.ts";
import { submitRuns } from "../submit.ts";

/** One question to the server lasts at most this long; then it is asked again. */
const roundMs = 30_000;
const final = new Set(["completed", "failed", "cancelled"]);

export const command: Command = defineCommand({
  name: "reproduce",
  group: "keep",
  summary: "run a run again as it was, and see whether the same comes out",
  about: [
    "A new run from the same snapshot, arguments and variables, linked to RUN by its lineage. With --wait it ends with the verdict: exit code 0 where it was reproduced, 5 where the new run failed, 8 where something else came out or nothing could be compared. Without, `ml reproduce --check RUN` tells it later.",
    "Metrics are compared within --tolerance; without it within the spread of earlier repeats of the same code and arguments (`ml clone RUN --times 4` makes some), else to within rounding (1e-6). Metrics that measure time or load are left out. Differences of environment and hardware are listed either way.",
    "--rebuild-env builds the environment anew in the run's own folder before the script starts: from uv.lock in the code, conda's exact list, or the captured list of packages, with uv or pip. It needs what they need (mostly the network), is part of the run, and is taken away when that has ended.",
  ].join("\n\n"),
  positionals: [{ name: "RUN", about: "the run to reproduce; with --check also a reproduction", complete: "run" }],
  flags: {
    ...runFlags,
    wait: flag.on("wait for its end and tell the verdict", { short: "w" }),
    check: flag.on("queue nothing: tell what became of the newest reproduction of RUN"),
    tolerance: flag.text("SHARE", "relative difference of a metric that counts as equal, such as 0.01 or 1%"),
    metric: flag.texts("NAME", "compare only this metric; may be repeated", { complete: "metric" }),
    rebuildEnv: flag.on("build its environment anew from its lock"),
    dryRun: flag.on("check everything and queue nothing", { short: "n" }),
  },
  examples: [
    ["ml reproduce best:val_acc --wait", "does the best run hold?"],
    ["ml reproduce k3f9ab --wait --tolerance 1%", "to within one percent"],
    ["ml reproduce k3f9ab --rebuild-env", "in an environment made anew"],
    ["ml reproduce --check k3f9ab", "what became of it"],
  ],
  schemas: {
    "ml.reproduce/1":
      "`run_id`, `source_run`, `verdict` (reproduced, not_reproduced, undecided, pending), `sentence`, `metrics` (each `name`, `source`, `again`, `difference`, `allowed`, `by` (tolerance, noise, default), `repeats`, `equal`), `not_compared`, `artifacts` (`same`, `compared`, `differing`), `repeats`, `seen`, `environment` and `hardware` (each `what`, `source`, `again`)",
    "ml.queue/1": "without --wait and --check: as `ml queue`, with `source_run`",
  },
  async run(context, args) {
    const { wait, check, rebuildEnv, dryRun, metric: names, python, parent } = args.flags;
    const tolerance = readTolerance(args.flags.tolerance);
    const connection = await context.connect();
    const [word = ""] = args.words;
    if (check) return tell(context, connection, { run: word, tolerance, names });
    if (python !== null)
      throw new MlError("usage", "`ml reproduce` changes no command, so `--python` has no place", {
        hint: "`ml requeue RUN --python PATH` does that",
      });
    const source = await readSource(connection, word);
    const { argv, run_id: runId, status } = source.manifest;
    if (!final.has(status))
      throw new MlError("conflict", `run \`${runId}\` cannot be reproduced: it is ${status}`, {
        hint: `wait for it: \`ml wait ${runId}\``,
      });
    const asked = derivedWishes(source, args, context);
    const wishes = { ...asked, parent, reproduce: { tolerance, rebuild_env: rebuildEnv } };
    const lineage = { kind: "reproduce" as const, source: runId };
    const runs = [derivedRun(argv, { wishes, code: codeOfSource(source), lineage })];
    if (!wait || dryRun) {
      const options = { follow: false, dryRun, verbose: false, collects: false };
      return queueRuns(context, runs, { ...options, schema: "ml.queue/1", more: { source_run: runId } });
    }
    const outcome = await interruptible((stage) =>
      submitRuns(context, runs, { connection, code: null, dryRun: false, stage }),
    );
    const [submitted] = outcome.kind === "done" ? outcome.value.runs : [];
    if (submitted === undefined) {
      context.output.say("interrupted: nothing was queued");
      return 130;
    }
    return waitAndTell(context, connection, { run: submitted.run_id, tolerance, names });
  },
});

interface Wanted {
  run: string;
  tolerance: number | null;
  names: string[];
}

/** `0.01` or `1%`. Throws `usage`. */
function readTolerance(text: string | null): number | null {
  if (text === null) return null;
  const match = /^(\d+(?:\.\d+)?(?:e[+-]?\d+)?|\.\d+)\s*(%?)$/i.exec(text.trim());
  if (match === null)
    throw new MlError("usage", `\`--tolerance ${text}\` is no share`, { hint: "write it like `0.01`, `1e-4` or `1%`" });
  return Number(match[1]) / (match[2] === "%" ? 100 : 1);
}

async function waitAndTell(context: Context, connection: Connection, wanted: Wanted): Promise<number> {
  const { run } = wanted;
  context.output.say(`queued ${run}; waiting for its end`);
  return context.detachable(
    `detached; the run goes on: \`ml reproduce --check ${run}\` tells the verdict`,
    async (signal) => {
      let reply: Reply<"run.wait">;
      do {
        const body = { runs: [run], timeout_ms: roundMs };
        reply = await connection.ask("run.wait", body, { timeoutMs: 2 * roundMs, signal });
      } while (!reply.done && !signal.aborted);
      if (signal.aborted) return undefined;
      const code = await tell(context, connection, wanted);
      return code === 0 || reply.runs.every((ended) => ended.status === "completed") ? code : 5;
    },
  );
}

/** Tells the verdict; 0 where the same came out, 8 where not, or nothing could be compared. */
async function tell(context: Context, connection: Connection, { run, tolerance, names }: Wanted): Promise<number> {
  const { output } = context;
  const found = await connection.ask("run.reproduced", { run, names, ...(tolerance === null ? {} : { tolerance }) });
  output.result({
    schema: "ml.reproduce/1",
    value: () => found,
    ids: () => [found.run_id],
    rows: () => [
      [found.run_id, found.source_run, found.verdict, found.sentence],
      ...found.metrics.map((match) => [match.name, match.source, match.again, match.difference, match.equal]),
    ],
    human: () => pageText(reproductionPage(found, faceOf(output, serverNowMs(connection))), output),
  });
  return found.verdict === "reproduced" ? 0 : 8;
}
