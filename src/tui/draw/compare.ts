/** Marked runs side by side: only what differs between them, and their curves of one metric in one chart. */
import type { Line } from "../../view/face.ts";
import { span } from "../../view/face.ts";
import { markOf, wordOf } from "../../view/mark.ts";
import { betterDirection, formatMetric, headline, metricNumber } from "../../view/metric.ts";
import { safeText } from "../../view/safe-text.ts";
import { layTable, type Row as TableRow } from "../../view/table.ts";
import { durationText, elapsedMs } from "../../view/time.ts";
import { type Area, box, inside, type Layer, piece, type Row } from "../cells.ts";
import { faceFor, type Scene } from "../scene.ts";
import { curveTones, overlay } from "./metrics.ts";

type Marked = Scene["marked"][number];

/** What may differ between runs, in the order in which it is shown; null where unknown. */
function factsOf({ run, known }: Marked, nowMs: number): Map<string, string | null> {
  const manifest = known?.detail?.manifest ?? null;
  const facts = new Map<string, string | null>([
    ["took", run.started_at === null ? null : durationText(elapsedMs(run.started_at, run.ended_at, nowMs))],
    ["user", run.user],
    ["hypothesis", run.hypothesis],
    ["verdict", run.validation_status],
    ["failure", run.failure?.kind ?? null],
    ["host", run.host],
    ["code", manifest?.environment.git_commit?.slice(0, 10) ?? null],
    ["snapshot", manifest?.environment.snapshot?.slice(0, 10) ?? null],
    ["python", manifest?.environment.python_version ?? null],
  ]);
  for (const [flag, value] of argumentsOf(manifest?.argv ?? [])) facts.set(flag, value);
  for (const [name, value] of Object.entries(run.metrics)) facts.set(name, formatMetric(value));
  return facts;
}

/** `--lr 3e-4` and `--lr=3e-4` as `--lr` → `3e-4`; words without a flag by their place. */
function argumentsOf(argv: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (let at = 1; at < argv.length; at++) {
    const word = argv[at] ?? "";
    const equals = word.indexOf("=");
    if (!word.startsWith("-")) found.set(`word ${at}`, word);
    else if (equals > 0) found.set(word.slice(0, equals), word.slice(equals + 1));
    else if (at + 1 < argv.length && !/^-[^\d.]/.test(argv[at + 1] ?? "")) {
      found.set(word, argv[at + 1] ?? "");
      at += 1;
    } else found.set(word, "yes");
  }
  return found;
}

/** Index of the best value of a metric among the runs, where its name says which way is better. */
function bestAt(name: string, values: readonly (string | null)[]): number {
  const direction = betterDirection(name);
  if (direction === null) return -1;
  let best = -1;
  for (const [index, value] of values.entries()) {
    const number = value === null ? Number.NaN : metricNumber(value);
    if (!Number.isFinite(number)) continue;
    const before = best < 0 ? Number.NaN : metricNumber(values[best] ?? "NaN");
    if (best < 0 || (direction === "min" ? number < before : number > before)) best = index;
  }
  return best;
}

function differences(scene: Scene, width: number): Line[] {
  const { marked } = scene;
  const face = faceFor(scene, width);
  const all = marked.map((one) => factsOf(one, scene.nowMs));
  const names = [...new Set(all.flatMap((facts) => [...facts.keys()]))];
  const columns = [
    { name: "what", most: 24 },
    ...marked.map((_, index) => ({ name: `run ${index}`, least: 8, most: 40 })),
  ];
  const head: TableRow = Object.fromEntries(
    marked.map(({ run }, index) => [
      `run ${index}`,
      [markOf(run, face), span(" "), span(safeText(run.name), curveTones[index % curveTones.length] ?? "strong")],
    ]),
  );
  const state: TableRow = {
    what: [span("state", "dim")],
    ...Object.fromEntries(marked.map(({ run }, index) => [`run ${index}`, [wordOf(run)]])),
  };
  const rows = names.flatMap((name): TableRow[] => {
    const values = all.map((facts) => facts.get(name) ?? null);
    if (new Set(values).size < 2) return [];
    const best = bestAt(name, values);
    const cells = values.map((value, index) => [
      `run ${index}`,
      [
        value === null
          ? span(scene.unicode ? "—" : "-", "dim")
          : span(safeText(value), index === best ? "good" : "plain"),
      ],
    ]);
    return [{ what: [span(safeText(name), "dim")], ...Object.fromEntries(cells) }];
  });
  const same = names.length - rows.length;
  return [
    ...layTable(columns, [head, state, ...rows], { face }),
    [],
    [span(`${same} ${same === 1 ? "fact is" : "facts are"} the same and not shown.`, "dim")],
  ];
}

/** The metric that most of the runs have, the telling ones first. */
function sharedMetric(scene: Scene): string | null {
  if (scene.ui.metric !== null) return scene.ui.metric;
  const counts = new Map<string, number>();
  for (const { known } of scene.marked)
    for (const curve of known?.curves ?? []) counts.set(curve.name, (counts.get(curve.name) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  const candidates = Object.fromEntries([...counts].filter(([, count]) => count === most).map(([name]) => [name, 0]));
  return headline(candidates)?.name ?? null;
}

export function drawCompare(scene: Scene, area: Area): Layer {
  const room = inside(area);
  const width = room.width - 2;
  const title: Row = [piece("Compare", "strong")];
  const panel = { ...area, title, focused: true, unicode: scene.unicode };
  if (scene.marked.length < 2) {
    const key = scene.keymap.keysOf("mark")[0];
    const text = `Mark two or more runs with ${key} in the list of runs; what differs between them stands here then.`;
    return box({ ...panel, rows: [[], [piece(`  ${text}`, "dim")]] });
  }
  const table = differences(scene, width);
  const name = sharedMetric(scene);
  const curves = scene.marked.flatMap(({ run, known }) => {
    const curve = known?.curves.find((one) => one.name === name);
    return curve === undefined ? [] : [{ label: safeText(run.name), curve }];
  });
  const height = Math.min(20, room.height - table.length - 2);
  const drawn =
    curves.length === 0 || height < 6
      ? []
      : [[], [span(safeText(name ?? ""), "strong")], ...overlay(curves, { width, height: height - 1, scene })];
  const lines = [...table, ...drawn];
  const top = Math.max(0, Math.min(scene.ui.scroll.overview, lines.length - room.height));
  return box({ ...panel, rows: lines.slice(top).map((line): Row => [piece(" "), ...line]) });
}
