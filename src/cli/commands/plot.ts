/** `ml plot RUN… METRIC`: curves in the terminal, and as SVG, PNG or one self-contained HTML file for a paper or a talk. */
import { resolve } from "node:path";
import type { Connection } from "../../client/connection.ts";
import { MlError, messageOf, systemCode } from "../../core/error.ts";
import { quoteCommand } from "../../core/shell-quote.ts";
import { version } from "../../core/version.ts";
import { brailleChart, legendLines } from "../../view/braille-chart.ts";
import { type Axis, axes, type CurveOptions, curveOf, type DrawnSeries } from "../../view/curve-points.ts";
import { shortId } from "../../view/mark.ts";
import { headline, type Point } from "../../view/metric.ts";
import { safeText } from "../../view/safe-text.ts";
import { chosenRuns } from "../chosen-runs.ts";
import { type Arguments, type Context, defineCommand } from "../command.ts";
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

const flags = {
  group: flag.text("GROUP", "all runs of this experiment; with best:METRIC, among its runs", { complete: "group" }),
  x: flag.choice(axes, "what the curve runs over; default step"),
  smooth: flag.number("N", "0.9: exponential; 20: mean of 20 points", { least: 0, most: 100_000 }),
  log: flag.on("logarithmic values"),
  logX: flag.on("logarithmic x"),
  svg: flag.text("FILE", "draw it as SVG, for a paper", { complete: "file" }),
  png: flag.text("FILE", "as PNG, for a talk", { complete: "file" }),
  html: flag.text("FILE", "as one self-contained HTML file, with its numbers", { complete: "file" }),
  title: flag.text("TEXT", "above the picture in a file"),
  size: flag.text("WxH", "of the picture in a file; default 640x400"),
  height: flag.number("ROWS", "rows in the terminal; default 16", { least: 4, most: 100, whole: true }),
};

export const command = defineCommand({
  name: "plot",
  group: "watch",
  summary: "draw a metric of one or several runs",
  about:
    "The last word is the metric; with one word alone it is the run, and its most telling metric is drawn. --smooth 0.9 smooths exponentially, --smooth 20 by the mean of 20 points. x=epoch needs a logged metric `epoch`; x=time counts from the run's first point. The files are drawn here, and need nothing but a browser or a picture viewer.",
  positionals: [
    { name: "RUN METRIC", about: "which runs, and which metric", optional: true, many: true, complete: "run" },
  ],
  flags,
  examples: [
    ["ml plot @last val_acc", "in the terminal"],
    ["ml plot @last @last~1 loss --log --smooth 0.9", "two runs"],
    ["ml plot --group bs val_acc --svg bs.svg --png bs.png", "for a paper and a talk"],
  ],
  schemas: {
    "ml.plot/1":
      "`metric`, `x`, `series`: each `run_id`, `label`, `points` (pairs of x and value, smoothed as asked), `left_out`; `thinned`; `files` that were written",
  },
  async run(context, args) {
    const { flags } = args;
    const connection = await context.connect();
    const { runIds: all, metric: named } = await plottedRuns(connection, args.words, flags.group);
    const runIds = all.slice(0, mostRuns);
    if (all.length > mostRuns)
      context.output.say(
        `the ${flags.group !== null && args.words.length < 2 ? "newest" : "first"} ${mostRuns} of ${all.length} runs are drawn`,
      );
    const metric = named ?? (await tellingMetric(connection, runIds[0] ?? ""));
    const x: Axis = flags.x ?? "step";
    const plotted = await Promise.all(runIds.map((runId) => pointsOf(connection, runId, metric)));
    requirePoints(plotted, metric, x);
    const options: CurveOptions = { metric, x, smooth: flags.smooth ?? 0, logX: flags.logX, logY: flags.log };
    const series = plotted.map((run) => curveOf(`${run.name} ${shortId(run.runId)}`, run.points, options));
    const { output } = context;
    const files = await drawn(context, series, { metric, flags, x, runIds });
    output.result({
      schema: "ml.plot/1",
      value: () => ({
        metric,
        x,
        series: series.map((one, index) => ({ run_id: runIds[index], ...one })),
        thinned: plotted.some((run) => run.thinned),
        files,
      }),
      ids: () => runIds,
      rows: () => series.flatMap(({ points }, index) => points.map(([at, value]) => [runIds[index] ?? "", at, value])),
      human() {
        if (files.length > 0) return files.map((path) => `wrote ${safeText(path)}\n`).join("");
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

interface Drawing {
  metric: string;
  flags: Arguments<typeof flags>["flags"];
  x: Axis;
  runIds: readonly string[];
}

/** `640x400`. Throws `usage`. */
function sizeOf(text: string | null): { width: number; height: number } {
  const found = /^(\d+)x(\d+)$/i.exec(text ?? "640x400");
  const [width, height] = [Number(found?.[1]), Number(found?.[2])];
  if (found !== null && width >= 50 && height >= 50 && width <= 5000 && height <= 5000) return { width, height };
  throw new MlError("usage", `\`--size ${text}\` is no size of a picture`, {
    hint: "write it like `640x400`, 50 to 5000 each",
  });
}

/** The paths of the files that were asked for and written. Throws `usage`, `failed` where one cannot be written. */
async function drawn(context: Context, series: readonly DrawnSeries[], drawing: Drawing): Promise<string[]> {
  const { svg, png, html, title, size, log, logX } = drawing.flags;
  const chart = { title, xName: drawing.x, yName: drawing.metric, logX, logY: log, ...sizeOf(size) };
  if (svg === null && png === null && html === null) return [];
  if (series.every(({ points }) => points.length === 0))
    throw new MlError("failed", "there is no point to draw on these axes, so no file was written");
  const place = (path: string | null) => (path === null ? null : resolve(context.cwd, path));
  const { drawFiles } = await import("../../picture/draw-files.ts");
  const about = `${drawing.metric} of ${drawing.runIds.join(", ")}; drawn by ml ${version} on ${new Date().toISOString().slice(0, 10)}`;
  try {
    return await drawFiles(series, { svg: place(svg), png: place(png), html: place(html) }, { chart, about });
  } catch (cause) {
    if (systemCode(cause) === null) throw cause;
    throw new MlError("failed", `the picture cannot be written: ${messageOf(cause)}`, {
      hint: "name a file in a folder that exists and is yours",
    });
  }
}

/** `ml plot loss @last`: what was meant, where the last word names a run and the first does not; else null. */
async function wrongOrder(connection: Connection, words: readonly string[]): Promise<MlError | null> {
  const [metric = "", ...runs] = words;
  const isRun = await chosenRuns(connection, runs).then(
    () => true,
    () => false,
  );
  if (!isRun) return null;
  return new MlError("usage", `\`${safeText(metric)}\` is no run: the metric comes last, after the runs`, {
    hint: `\`ml plot ${quoteCommand([...runs, metric])}\``,
  });
}

/** The last of several words is the metric. */
async function plottedRuns(
  connection: Connection,
  words: readonly string[],
  group: string | null,
): Promise<{ runIds: string[]; metric: string | null }> {
  const single = words.length === 1 && group === null;
  const metric = single ? null : (words.at(-1) ?? null);
  const names = single ? words : words.slice(0, -1);
  if (names.length > 0) {
    const runIds = await chosenRuns(connection, names).catch(async (cause: unknown) => {
      throw (await wrongOrder(connection, words)) ?? cause;
    });
    return { runIds, metric };
  }
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
