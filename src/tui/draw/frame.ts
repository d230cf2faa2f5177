/** The whole picture: header, views, panels, strip, footer, and what lies over them. */
import { wrapText } from "../../view/face.ts";
import {
  type Area,
  box,
  type EditorPlace,
  type Frame,
  fitRow,
  inside,
  type Layer,
  piece,
  type Row,
  type Spot,
} from "../cells.ts";
import { type Layout, layoutOf, leastHeight, leastWidth } from "../layout.ts";
import type { Scene } from "../scene.ts";
import { drawCompare } from "./compare.ts";
import { drawContainers } from "./containers.ts";
import { drawDataset, drawDatasets } from "./data.ts";
import { drawDetail } from "./detail.ts";
import { drawFooter } from "./footer.ts";
import { drawHeader } from "./header.ts";
import { drawMachines, drawStrip, stripRows } from "./machines.ts";
import { drawOverlay } from "./overlays.ts";
import { drawPage } from "./page.ts";
import { queueStyle, runRows, runStyle } from "./run-rows.ts";
import { drawUsage } from "./usage.ts";

function tooSmall(scene: Scene): Frame {
  const { width, height } = scene;
  const text = `ml needs ${leastWidth}x${leastHeight}; this is ${width}x${height}. Make the window larger, or q to leave.`;
  const rows = wrapText(text, Math.max(1, width)).map((line) => fitRow([piece(line)], width, scene.unicode));
  return {
    width,
    height,
    layers: [{ x: 0, y: 0, width, height, rows: rows.slice(0, height) }],
    editors: [],
    spots: [],
  };
}

/** Sentence for a list without runs. */
function emptyRows(scene: Scene): Row[] {
  const { ui, model } = scene;
  const lines =
    ui.filter !== ""
      ? [scene.search.problem ?? `No run fits \`${ui.filter}\`.`, "esc takes the filter away."]
      : ui.view === "queue"
        ? ["Nothing waits."]
        : model.server === null
          ? ["reading …"]
          : ["Nothing has run yet.", "ml queue train.py   queues a script."];
  return [[], ...lines.map((text) => [piece(`  ${text}`, "dim")])];
}

/** The filter, and what the server read in it where that is not what was typed. */
function filterPieces({ ui, search }: Scene): Row {
  const { found, problem } = search;
  const read = found?.interpreted === true ? [piece(` read as ${found.query}`, "dim")] : [];
  return [piece(`/${ui.filter}`, problem === null ? "accent" : "warn"), ...read];
}

function drawList(scene: Scene, area: Area): { layer: Layer; spots: Spot[] } {
  const { ui, list, model } = scene;
  const room = inside(area);
  const { rows, spots, at } = runRows(scene, room, ui.view === "queue" ? queueStyle : runStyle);
  const title: Row = [piece(ui.view === "queue" ? "Queue" : "Runs", "strong")];
  const corner: Row[number][] = [];
  if (ui.filter !== "") corner.push(...filterPieces(scene));
  if (ui.sort !== "newest" && ui.view === "runs")
    corner.push(piece(`${corner.length > 0 ? "  " : ""}by ${ui.sort}`, "dim"));
  if (ui.marked.size > 0) corner.push(piece(`${corner.length > 0 ? "  " : ""}${ui.marked.size} marked`, "accent"));
  const known = Object.values(model.totals).reduce((sum, count) => sum + count, 0);
  const found = ui.filter === "" ? null : (scene.search.found?.total ?? null);
  const all = found ?? (ui.view === "runs" && ui.filter === "" && known > list.length ? known : list.length);
  const more = model.loading ? (scene.unicode ? " …" : " ...") : "";
  const foot = list.length === 0 ? [] : [piece(`${at > 0 ? `${at} of ` : ""}${all}${more}`, "dim")];
  const shown = list.length === 0 ? emptyRows(scene) : rows;
  const focused = ui.panel === "list";
  const layer = box({ ...area, title, corner, foot, rows: shown, focused, unicode: scene.unicode });
  return { layer, spots: [{ ...room, target: "list" }, ...spots] };
}

function drawBody(scene: Scene, layout: Layout): { layers: Layer[]; spots: Spot[] } {
  const { ui } = scene;
  const { list, detail } = layout;
  const layers: Layer[] = [];
  const spots: Spot[] = [];
  if (list !== null && scene.page !== null) layers.push(drawPage(scene, scene.page, list));
  else if (list !== null) {
    if (ui.view === "runs" || ui.view === "queue") {
      const drawn = drawList(scene, list);
      layers.push(drawn.layer);
      spots.push(...drawn.spots);
    } else if (ui.view === "machines") layers.push(drawMachines(scene, list));
    else if (ui.view === "compare") layers.push(drawCompare(scene, list));
    else if (ui.view === "usage") layers.push(drawUsage(scene, list));
    else if (ui.view === "containers") layers.push(drawContainers(scene, list));
    else {
      const drawn = drawDatasets(scene, list);
      layers.push(...drawn.layers);
      spots.push(...drawn.spots);
    }
  }
  if (detail !== null && ui.view === "data") {
    layers.push(drawDataset(scene, detail));
    spots.push({ ...detail, target: "detail" });
  } else if (detail !== null) {
    const drawn = drawDetail(scene, detail);
    layers.push(drawn.layer);
    spots.push(...drawn.spots);
  }
  if (layout.strip !== null) layers.push(drawStrip(scene, layout.strip));
  return { layers, spots };
}

/** The one-line text that is typed in the footer: a filter or a search. */
function typedLine(scene: Scene, area: Area): { layer: Layer; editor: EditorPlace } | null {
  const { typing } = scene.ui;
  if (typing === null) return null;
  const label = typing === "search" ? " search the log / " : " filter / ";
  const text = typing === "search" ? (scene.log?.search ?? "") : scene.ui.filter;
  const row = fitRow([piece(label, "accent"), piece(text)], area.width, scene.unicode);
  const editor = {
    x: label.length,
    y: area.y,
    width: area.width - label.length - 1,
    height: 1,
    name: typing,
    focused: true,
  };
  return { layer: { ...area, rows: [row] }, editor };
}

export function layoutFor(scene: Scene): Layout | null {
  return layoutOf(scene, scene.ui, { machineRows: stripRows(scene), whole: scene.page !== null });
}

export function drawFrame(scene: Scene): Frame {
  const { width, height } = scene;
  const layout = layoutFor(scene);
  if (layout === null) return tooSmall(scene);
  const header = drawHeader(scene, layout);
  const body = drawBody(scene, layout);
  const typed = typedLine(scene, layout.footer);
  const layers = [...header.layers, ...body.layers, typed?.layer ?? drawFooter(scene, layout.footer)];
  const spots = [...header.spots, ...body.spots];
  const editors = typed === null ? [] : [typed.editor];
  if (scene.ui.overlay === null) return { width, height, layers, editors, spots };
  const over = drawOverlay(scene, scene.ui.overlay);
  // What lies under an overlay is not clicked through it.
  const shield = { x: 0, y: 0, width, height, target: "nothing" };
  return { width, height, layers: [...layers, over.layer], editors: over.editors, spots: [shield, ...over.spots] };
}
