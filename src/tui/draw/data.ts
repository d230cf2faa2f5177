/**
 * The data view: the registered datasets with what is warm of them, below them the local disks with copies, what is under way and
 * what made room for what; beside or behind the list the selected dataset with its versions and the runs that used it.
 */
import { formatSize } from "../../core/size.ts";
import { currentOf, datasetPage } from "../../view/dataset-page.ts";
import { type Line, span } from "../../view/face.ts";
import { unknown } from "../../view/mark.ts";
import { prewarmPage } from "../../view/prewarm-page.ts";
import { safeText } from "../../view/safe-text.ts";
import { type Fitted, layRow, type Row as TableRow } from "../../view/table.ts";
import { ago } from "../../view/time.ts";
import { warmthLine, warmthOf } from "../../view/warmth.ts";
import { type Area, box, fitRow, inside, type Layer, onGround, piece, type Row, type Spot } from "../cells.ts";
import type { Dataset } from "../datasets.ts";
import { topFor } from "../layout.ts";
import { faceFor, type Scene } from "../scene.ts";
import { scrolledPage } from "./text-tab.ts";

/** Panels narrower than this show name and state alone. */
const roomyFrom = 70;

function columnsFor(width: number): Fitted[] {
  const state = { name: "state", width: Math.max(18, Math.min(46, width - 18)) };
  if (width < roomyFrom) return [{ name: "name", width: width - state.width - 2 }, state];
  const more: Fitted[] = [
    { name: "version", width: width < 76 ? 8 : 12 },
    { name: "size", width: 7, align: "right" },
    { ...state, width: Math.min(40, Math.floor(width * 0.45)) },
  ];
  if (width >= 96) more.push({ name: "checked", width: 16 });
  const used = more.reduce((sum, column) => sum + column.width + 2, 0);
  return [{ name: "name", width: Math.max(10, width - used) }, ...more];
}

/** Warm, on its way, asked for, changed: the one thing worth saying about it. */
function stateLine(scene: Scene, dataset: Dataset, width: number): Line {
  const face = faceFor(scene, width);
  const version = currentOf(dataset);
  const { stores } = scene.data;
  if (version === undefined || stores === null) return [unknown(face)];
  if (version.last_check?.drift != null) return [span("changed since it was registered", "warn")];
  if (version.last_check?.problem != null) return [span("not readable", "warn")];
  const warmth = warmthOf({ name: dataset.name, version: version.version, checksum: version.checksum }, stores.workers);
  const isAsked = stores.wishes.some((wish) => wish.checksum === version.checksum);
  if (warmth.kind === "cold" && isAsked) return [span("asked for", "live")];
  return warmthLine(warmth, face);
}

function datasetRow(scene: Scene, dataset: Dataset, columns: readonly Fitted[]): Line {
  const face = faceFor(scene, scene.width);
  const version = currentOf(dataset);
  const width = columns.find((column) => column.name === "state")?.width ?? 0;
  const cells: TableRow = {
    name: [span(safeText(dataset.name), "strong")],
    version: [span(version === undefined ? "" : safeText(version.version), "dim")],
    size: [version === undefined ? unknown(face) : span(formatSize(version.size_bytes))],
    state: stateLine(scene, dataset, width),
    checked: [
      span(version?.last_check == null ? "" : `checked ${ago(version.last_check.at, face.nowMs) ?? ""}`, "dim"),
    ],
  };
  return layRow(columns, cells, face);
}

/** Rows of the list, and of the disks below it. */
function shares(height: number, count: number): { list: number; disks: number } {
  const list = Math.max(5, Math.min(count + 2, Math.floor(height / 2)));
  return { list, disks: Math.max(0, height - list) };
}

export function drawDatasets(scene: Scene, area: Area): { layers: Layer[]; spots: Spot[] } {
  const { datasets, stores, problem } = scene.data;
  const { list, disks } = shares(area.height, datasets?.length ?? 1);
  const upper = { ...area, height: list };
  const lower = { ...area, y: area.y + list, height: disks };
  const drawn = drawList(scene, upper);
  const room = inside(lower);
  const lines = stores === null ? [] : prewarmPage(stores, faceFor(scene, room.width - 2));
  const old = problem !== null && datasets !== null ? [piece(safeText(problem), "warn")] : [];
  const more = lines.length > room.height ? [piece(`${lines.length - room.height} more lines: ml prewarm`, "dim")] : [];
  const rows = lines.slice(0, room.height).map((line): Row => [piece(" "), ...line]);
  const { unicode } = scene;
  const disk = box({
    ...lower,
    title: [piece("Local disks", "strong")],
    corner: old,
    foot: more,
    rows,
    focused: false,
    unicode,
  });
  return { layers: [drawn.layer, disk], spots: drawn.spots };
}

function emptyRows(scene: Scene): Row[] {
  const { datasets, problem } = scene.data;
  const key = scene.offers("data_add") ? scene.keymap.keysOf("data_add")[0]?.replace(">", " ") : undefined;
  const text =
    datasets !== null
      ? `No dataset is registered yet.${key === undefined ? "" : ` ${key} registers a folder.`}`
      : (problem ?? "reading …");
  return [[], [piece(`  ${text}`, problem === null ? "dim" : "warn")]];
}

function drawList(scene: Scene, area: Area): { layer: Layer; spots: Spot[] } {
  const { ui, unicode } = scene;
  const datasets = scene.data.datasets ?? [];
  const room = inside(area);
  const place = ui.lists.data;
  const selected = datasets.findIndex((one) => one.name === place.selected);
  place.top = topFor({ count: datasets.length, selected, top: place.top, height: room.height, heightOf: () => 1 });
  const columns = columnsFor(room.width - 3);
  const shown = datasets.slice(place.top, place.top + room.height);
  const ground = ui.panel === "list" ? "selected" : "resting";
  const rows = shown.map((dataset) => {
    const row = fitRow([piece("  "), ...datasetRow(scene, dataset, columns)], room.width, unicode);
    return dataset.name === place.selected ? onGround(row, ground) : row;
  });
  const spots = shown.map(
    (dataset, at): Spot => ({ ...room, y: room.y + at, height: 1, target: `dataset:${dataset.name}` }),
  );
  const foot = datasets.length === 0 ? [] : [piece(`${selected + 1} of ${datasets.length}`, "dim")];
  const title: Row = [piece("Datasets", "strong")];
  const body = shown.length === 0 ? emptyRows(scene) : rows;
  const layer = box({ ...area, title, foot, rows: body, focused: ui.panel === "list", unicode });
  return { layer, spots: [{ ...room, target: "list" }, ...spots] };
}

export function drawDataset(scene: Scene, area: Area): Layer {
  const { shown } = scene.data;
  const room = inside(area);
  const name = scene.ui.lists.data.selected;
  const isIt = shown !== null && shown.dataset.name === name;
  const lines = isIt
    ? datasetPage(shown, faceFor(scene, room.width - 2))
    : name === null
      ? []
      : [[span("reading …", "dim")]];
  const page = scrolledPage(scene, "overview", { lines, area: room });
  return box({
    ...area,
    title: [piece(name === null ? "no dataset" : safeText(name), "strong")],
    rows: page.rows.map((line): Row => [piece(" "), ...line]),
    foot: page.foot,
    focused: scene.ui.panel === "detail",
    unicode: scene.unicode,
  });
}
