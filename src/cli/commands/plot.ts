/** `ml plot RUN… METRIC`: curves in the terminal, and as SVG, PNG or one self-contained HTML file for a paper or a talk. */
import type { Connection } from "../../client/connection.ts";
import { MlError } from "../../core/error.ts";
import { brailleChart, legendLines } from "../../view/braille-chart.ts";
import { type Axis, axes, type CurveOptions, curveOf } from "../../view/curve-points.ts";
import { shortId } from "../../view/mark.ts";
import { headline, type Point } from "../../view/metric.ts";
import { chosenRuns } from "../chosen-runs.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";
import { readPoints } from "../read-points.ts";

const mostRuns = 12;

interface Plotted {
  runId: string;
  name: string;
  points: Point[];
  thinned: boolean;
}

export const command = defineCommand({
  name: "plot",
  group: "watch",
  summary: "draw a metric of one or several runs",
  about:
    "The last word is the metric; with one word alone it is the run, and its most telling metric is drawn. --smooth 0.9 smooths exponentially, --smooth 20 by the mean of 20 points. x=epoch needs a logged metric `epoch`; x=time counts from the run's first point. The files are drawn here, and need nothing but a browser or a picture viewer.",
  positionals: [
    { name: "RUN METRIC", about: "which runs, and which metric", optional: true, many: true, complete: "run" },
  ],
  flags: {
    group: flag.text("GROUP", "all runs of this experiment; with best:METRIC, among its runs", { complete: "group" }),
    x: flag.choice(axes, "what the curve runs over; default step"),
    smooth: flag.number("N", "0.9: exponential; 20: mean of 20 points", { least: 0, most: 100_000 }),
    log: flag.on("logarithmic values"),
    logX: flag.on("logarithmic x"),
    height: flag.number("ROWS", "rows in the terminal; default 16", { least: 4, most: 100, whole: true }),
  },
  examples: [
    ["ml plot @last val_acc", "in the terminal"],
    ["ml plot @last @last~1 loss --log --smooth 0.9", "two runs"],
  ],
  schemas: {
    "ml.plot/1":
      "`metric`, `x`, `series`: each `run_id`, `label`, `points` (pairs of x and value, smoothed as asked), `left_out`; `thinned`",
  },
  async run(context, args) {
    const { flags } = args;
    const connection = await context.connect();
    const { runIds: all, metric: named } = await plottedRuns(connection, args.words, flags.group);
    const runIds = all.slice(0, mostRuns);
    if (all.length > mostRuns) context.output.say(`the first ${mostRuns} of ${all.length} runs are drawn`);
    const metric = named ?? (await tellingMetric(connection, runIds[0] ?? ""));
    const x: Axis = flags.x ?? "step";
    const plotted = await Promise.all(runIds.map((runId) => pointsOf(connection, runId, metric)));
    requirePoints(plotted, metric, x);
    const options: CurveOptions = { metric, x, smooth: flags.smooth ?? 0, logX: flags.logX, logY: flags.log };
    const series = plotted.map((run) => curveOf(`${run.name} ${shortId(run.runId)}`, run.points, options));
    const { output } = context;
    output.result({
      schema: "ml.plot/1",
      value: () => ({
        metric,
        x,
        series: series.map((one, index) => ({ run_id: runIds[index], ...one })),
        thinned: plotted.some((run) => run.thinned),
      }),
      ids: () => runIds,
      rows: () => series.flatMap(({ points }, index) => points.map(([at, value]) => [runIds[index] ?? "", at, value])),
      human() {
        const face = faceOf(output, serverNowMs(connection));
        const chart = brailleChart(series, {
          face: { ...face, width: Number.isFinite(face.width) ? face.width : 100 },
          height: flags.height ?? 16,
          xName: x,
          yName: metric,
          logX: flags.logX,
          logY: flags.log,
        });
        return pageText([...chart, ...legendLines(series)], output);
      },
    });
    return undefined;
  },
});

/** The last of several words is the metric. */
async function plottedRuns(
  connection: Connection,
  words: readonly string[],
  group: string | null,
): Promise<{ runIds: string[]; metric: string | null }> {
  const single = words.length === 1 && group === null;
  const metric = single ? null : (words.at(-1) ?? null);
  const names = single ? words : words.slice(0, -1);
  if (names.length > 0) return { runIds: await chosenRuns(connection, names), metric };
  if (group === null) throw new MlError("usage", "no run was named", { hint: "ml plot @last val_acc" });
  const { runs } = await connection.ask("runs.list", { group, limit: 200 });
  const started = runs.filter((run) => run.started_at !== null).map((run) => run.run_id);
  if (started.length === 0) throw new MlError("not_found", `no run of group \`${group}\` has started`);
  return { runIds: started, metric };
}

async function tellingMetric(connection: Connection, run: string): Promise<string> {
  const { manifest, summary } = await connection.ask("run.get", { run });
  const found = headline({ ...summary.metrics, ...manifest.metrics })?.name;
  if (found !== undefined) return found;
  throw new MlError("not_found", `run \`${manifest.run_id}\` has logged no metrics`);
}

async function pointsOf(connection: Connection, runId: string, metric: string): Promise<Plotted> {
  const [{ points, thinned }, { summary }] = await Promise.all([
    readPoints(connection, runId, [metric, "epoch", "Epoch"]),
    connection.ask("run.get", { run: runId }),
  ]);
  return { runId, name: summary.name, points, thinned };
}

/** Throws `not_found` where none of the runs logged the metric, or none has epochs to draw it over. */
function requirePoints(plotted: readonly Plotted[], metric: string, x: Axis): void {
  const has = (wanted: string) =>
    plotted.some(({ points }) => points.some(({ name }) => name.toLowerCase() === wanted.toLowerCase()));
  if (!has(metric)) {
    const [first] = plotted;
    throw new MlError("not_found", `none of these runs logged \`${metric}\``, {
      hint: `\`ml metrics ${first?.runId ?? ""}\` lists what it logged`,
    });
  }
  if (x === "epoch" && !has("epoch"))
    throw new MlError("not_found", "none of these runs logged `epoch`, so there is no x=epoch", {
      hint: "leave `--x` out: a step may be an epoch already",
    });
}
