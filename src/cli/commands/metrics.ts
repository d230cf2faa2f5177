/** `ml metrics RUN [NAME…]`: last, best and course of what a run logged; every point with --csv or --json. */
import type { Connection } from "../../client/connection.ts";
import { MlError } from "../../core/error.ts";
import { quoteWord } from "../../core/shell-quote.ts";
import { curves } from "../../view/metric.ts";
import { metricTable } from "../../view/metric-page.ts";
import { guessPattern } from "../../view/pattern-guess.ts";
import { patternPage } from "../../view/pattern-page.ts";
import { visible } from "../../view/safe-text.ts";
import { type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";
import { readPoints } from "../read-points.ts";

export const command = defineCommand({
  name: "metrics",
  group: "watch",
  summary: "show what a run logged",
  about:
    "`best` is given where the name says which way is better (loss and error: lower; accuracy and score: higher). Very long curves are thinned; --json says so in `thinned`. All points are in the run's folder: metrics.jsonl has what the script logged, metrics.passive.jsonl what was found in TensorBoard, CSV and trainer_state.json files and in printed lines (`ml queue --metric-pattern`).",
  positionals: [
    { name: "RUN", about: "which run", complete: "run" },
    { name: "NAME", about: "only these metrics", optional: true, many: true, complete: "metric" },
  ],
  flags: {
    csv: flag.on("print all points: name, step, value, seconds since 1970"),
    try: flag.text(
      "PATTERN",
      "show what a pattern of printed lines would find, such as `loss: {loss}`, and keep nothing",
    ),
  },
  examples: [
    ["ml metrics @last", "a table with a small curve each"],
    ["ml metrics k3f9ab val_loss --csv > loss.csv", "all points, for a plot"],
    ["ml metrics --try 'Epoch {epoch} {*} loss {loss}' @last", "would this pattern do?"],
  ],
  schemas: {
    "ml.metrics/1": "`run_id`, `points` (each `name`, `value`, `step`, `t`; NaN and infinities as strings), `thinned`",
    "ml.metrics_try/1":
      "with --try: `run_id`, `pattern`, `lines`, `matched`, `samples` (each `line`, `points`), `metrics` (each `name`, `count`, `first`, `last`), `cut`",
  },
  async run(context, args) {
    const [run = "", ...names] = args.words;
    const connection = await context.connect();
    const { try: pattern } = args.flags;
    if (pattern !== null) return tryPattern(context, { connection, run, pattern });
    const { runId, points, thinned } = await readPoints(connection, run, names);
    const missing = names.filter((name) => !points.some((point) => point.name === name));
    if (missing.length > 0) {
      throw new MlError("not_found", `run \`${runId}\` logged no metric \`${missing.join("`, `")}\``, {
        hint: `see which it has: \`ml metrics ${runId}\``,
      });
    }
    const { output } = context;
    if (args.flags.csv && output.mode === "human") {
      output.write("name,step,value,t\n");
      for (const point of points)
        output.write(`${csvField(point.name)},${point.step ?? ""},${point.value},${point.t}\n`);
      return undefined;
    }
    output.result({
      schema: "ml.metrics/1",
      value: () => ({ run_id: runId, points, thinned }),
      ids: () => [runId],
      rows: () => points.map((point) => [visible(point.name), point.step, point.value, point.t]),
      human() {
        if (points.length === 0) return "";
        return pageText(metricTable(curves(points), faceOf(output, serverNowMs(connection))), output);
      },
    });
    if (points.length === 0 && output.mode === "human") await sayNone(context, connection, runId);
    return undefined;
  },
});

const guessedFromBytes = 64 * 1024;

/** Nothing was logged; where its printed lines have numbers with names, the pattern that would find them. */
async function sayNone({ output }: Context, connection: Connection, runId: string): Promise<void> {
  output.say(`run ${runId} has logged no metrics`);
  const { encoding, data } = await connection.ask("log.read", { run: runId, tail_bytes: guessedFromBytes });
  const pattern = encoding === "utf8" ? guessPattern(data) : null;
  if (pattern === null) return;
  const { matched } = await connection.ask("metrics.try", { run: runId, pattern });
  if (matched === 0) return;
  output.say(
    `its printed lines have numbers: \`ml metrics --try ${quoteWord(pattern)} ${runId}\` shows what would be found`,
  );
}

async function tryPattern(
  context: Context,
  { connection, run, pattern }: { connection: Connection; run: string; pattern: string },
): Promise<undefined> {
  const found = await connection.ask("metrics.try", { run, pattern });
  const { output } = context;
  output.result({
    schema: "ml.metrics_try/1",
    value: () => ({ pattern, ...found }),
    ids: () => [found.run_id],
    rows: () => found.metrics.map(({ name, count, first, last }) => [visible(name), count, first, last]),
    human: () => pageText(patternPage(found, faceOf(output, serverNowMs(connection))), output),
  });
  if (found.matched > 0 && output.mode === "human")
    output.say(
      `to keep them: \`ml queue --metric-pattern ${quoteWord(pattern)} …\`, or \`ml config set metric_pattern ${quoteWord(pattern)}\``,
    );
  return undefined;
}

/** By RFC 4180; a name that a spreadsheet would take for a formula is left as it is: it is data. */
function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
