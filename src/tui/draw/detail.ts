/** The panel of one run: its tabs in the border, the page of the chosen tab inside. */
import { formatSize } from "../../core/size.ts";
import type { Face, Line } from "../../view/face.ts";
import { lineWidth, span, wrapText } from "../../view/face.ts";
import { type FactSection, factPage } from "../../view/facts.ts";
import { fileTable } from "../../view/file-page.ts";
import { infoSections } from "../../view/info-page.ts";
import { markOf, verdictTone, wordOf } from "../../view/mark.ts";
import { metricTable } from "../../view/metric-page.ts";
import { safeText } from "../../view/safe-text.ts";
import { progressBar } from "../../view/spark.ts";
import { ago, fullTime } from "../../view/time.ts";
import { verdictBlock } from "../../view/verdict-block.ts";
import { storesOf, warmthLine, warmthOf } from "../../view/warmth.ts";
import { whyPage } from "../../view/why-page.ts";
import { type Area, box, inside, type Layer, piece, type Row, type Spot } from "../cells.ts";
import { faceFor, type Scene } from "../scene.ts";
import { type Tab, tabs } from "../state.ts";
import { logPage } from "./log.ts";
import { metricsPage } from "./metrics.ts";
import { type Page, scrolledPage } from "./text-tab.ts";

const titles: Record<Tab, string> = {
  overview: "Overview",
  logs: "Logs",
  metrics: "Metrics",
  narrative: "Narrative",
  artifacts: "Artifacts",
  environment: "Environment",
};

function padded(lines: readonly Line[]): Line[] {
  return lines.map((line) => [span(" "), ...line]);
}

/** What the run is doing now; for one that has ended, how it ended. */
function stateLines(scene: Scene, width: number): Line[] {
  const { selected, known } = scene;
  const face = faceFor(scene, width);
  if (selected === null) return [];
  if (selected.ended_at !== null && known?.detail)
    return verdictBlock({ ...known.detail, summary: selected }, known.curves, face);
  const lines: Line[] = [
    [
      markOf(selected, face),
      span(" "),
      span(safeText(selected.name), "strong"),
      span(`  ${selected.run_id}  `, "dim"),
      wordOf(selected),
    ],
  ];
  const { progress, stopping } = selected;
  if (progress !== null && selected.status === "running") {
    const bar = progress.fraction === null ? [] : progressSpans(progress.fraction, { width, scene });
    lines.push([...bar, span(safeText(progress.text), "live")]);
  }
  const { why } = scene.asides;
  if (selected.status === "queued" && why?.run.run_id === selected.run_id)
    // The first line says what stands here already.
    lines.push(...whyPage({ ...why, run: selected }, face).slice(1));
  lines.push(...dataLines(scene, face));
  if (stopping !== null) {
    const left = stopping.kill_in_seconds === null ? "" : `, killed in ${Math.ceil(stopping.kill_in_seconds)} s`;
    lines.push([span(`stopping, asked by ${safeText(stopping.by)}${left}`, "warn")]);
  }
  return lines;
}

/** `data  imagenet-train ━━━━━━╌╌ 6.1 GB/8.0 GB, warm in 4m`: of a waiting run, a line a dataset. */
function dataLines(scene: Scene, face: Face): Line[] {
  const { selected, known, model } = scene;
  if (selected?.status !== "queued") return [];
  const stores = storesOf(model.workers);
  const used = known?.detail?.manifest.datasets ?? [];
  return used.map(
    (dataset, index): Line => [
      span(index === 0 ? "data  " : "      ", "dim"),
      span(`${safeText(dataset.name)} `, "strong"),
      ...warmthLine(warmthOf(dataset, stores), face),
    ],
  );
}

function progressSpans(fraction: number, look: { width: number; scene: Scene }): Line {
  const width = Math.max(10, Math.min(30, Math.floor(look.width / 3)));
  const bar = progressBar(fraction, { width, unicode: look.scene.unicode });
  return [span(bar, "live"), span(` ${Math.floor(fraction * 100)}%  `)];
}

function overviewLines(scene: Scene, width: number): Line[] {
  const { known, selected } = scene;
  if (selected === null) return [];
  const face = faceFor(scene, width);
  const top = stateLines(scene, width);
  if (!known?.detail) return [...top, [], [span(known?.problem ?? "reading …", known?.problem ? "warn" : "dim")]];
  const parts = infoSections({ ...known.detail, summary: selected }, face);
  const shown: FactSection[] = [parts.why, parts.what];
  if (selected.ended_at === null) {
    // The bar above and the table below say these better.
    const said = new Set(["progress", ...(known.curves.length > 0 ? ["metrics"] : [])]);
    shown.push({ title: "So far", facts: parts.result.facts.filter((one) => !said.has(one.label)) });
  }
  const metrics = known.curves.length === 0 ? [] : [[], ...metricTable(known.curves, face)];
  return [...top, [], ...factPage([...shown, parts.files], face), ...(selected.ended_at === null ? metrics : [])];
}

function narrativeLines(scene: Scene, width: number): Line[] {
  const { known, selected } = scene;
  if (!known?.detail || selected === null) return [[span("reading …", "dim")]];
  const { manifest } = known.detail;
  const face = faceFor(scene, width);
  const { narrative } = manifest;
  const paragraphs: [string, readonly string[]][] = [
    ["hypothesis", [narrative.hypothesis ?? ""]],
    ["context", [narrative.context ?? ""]],
    ["intent", [narrative.intent ?? ""]],
    ["expected", [narrative.expected_outcome ?? ""]],
    ["note", [manifest.metadata.note ?? ""]],
    ["outcome", [narrative.outcome ?? ""]],
    ["verdict", [narrative.validation_status ?? ""]],
    ["learnings", narrative.learnings.map((text) => `- ${text}`)],
    ["next steps", narrative.next_steps.map((text) => `- ${text}`)],
  ];
  const lines: Line[] = [];
  for (const [label, texts] of paragraphs) {
    const filled = texts.filter((text) => text.trim() !== "");
    if (filled.length === 0) continue;
    lines.push([span(label, "dim")]);
    const tone = label === "verdict" ? verdictTone(filled[0] ?? "") : "plain";
    for (const text of filled)
      for (const part of text.split("\n"))
        for (const wrapped of wrapText(safeText(part), Math.max(10, width - 2)))
          lines.push([span(`  ${wrapped}`, tone)]);
    lines.push([]);
  }
  const about = [narrative.experiment_group, ...narrative.tags.map((tag) => `#${tag}`)].filter((one) => one !== null);
  if (about.length > 0) lines.push([span(safeText(about.join("  ")), "accent")], []);
  if (manifest.annotations.length > 0) lines.push([span("annotations", "dim")]);
  for (const one of manifest.annotations) {
    const when = `${fullTime(one.timestamp)?.slice(0, 16) ?? "?"}  ${ago(one.timestamp, face.nowMs) ?? ""}`;
    lines.push([span(`  ${safeText(one.author)}`, "strong"), span(`  ${when}`, "dim")]);
    for (const part of one.note.split("\n"))
      for (const wrapped of wrapText(safeText(part), Math.max(10, width - 4))) lines.push([span(`    ${wrapped}`)]);
  }
  if (lines.length > 0) return lines;
  const keys = scene.offers("annotate") ? `\`${scene.keymap.keysOf("annotate")[0]}\` adds a note` : "nobody has yet";
  return [[span(`Nothing was written down about this run; ${keys}.`, "dim")]];
}

function artifactLines(scene: Scene, width: number): Line[] {
  const { known } = scene;
  if (known?.files === null || known === null) return [[span(known?.problem ?? "reading …", "dim")]];
  if (known.files.length === 0) return [[span("Its folder is empty.", "dim")]];
  const order = { artifact: 0, record: 1, code: 2 };
  const files = known.files
    .filter((one) => one.kind !== "folder")
    .sort((left, right) => order[left.origin] - order[right.origin] || left.path.localeCompare(right.path));
  const sum = files.reduce((all, one) => all + one.size_bytes, 0);
  const cut = known.filesCut ? " (the list was cut)" : "";
  const folder = known.detail?.folder;
  return [
    [span(`${files.length} files, ${formatSize(sum)}${cut}`, "dim")],
    ...(folder === undefined ? [] : [[span(safeText(folder), "dim")]]),
    [],
    ...fileTable(files, faceFor(scene, width)),
  ];
}

function environmentLines(scene: Scene, width: number): Line[] {
  const { known, selected } = scene;
  if (!known?.detail || selected === null) return [[span("reading …", "dim")]];
  const face = faceFor(scene, width);
  const parts = infoSections({ ...known.detail, summary: selected }, face);
  const sections = [parts.data, parts.environment, parts.resources, parts.files].filter((one) => one.facts.length > 0);
  return factPage(sections, face);
}

function pageOf(scene: Scene, area: Area): Page {
  const { tab } = scene.ui;
  if (tab === "logs") return logPage(scene, area);
  if (tab === "metrics") return metricsPage(scene, area);
  const width = area.width - 2;
  const makers = {
    overview: overviewLines,
    narrative: narrativeLines,
    artifacts: artifactLines,
    environment: environmentLines,
  };
  return scrolledPage(scene, tab, { lines: padded(makers[tab](scene, width)), area });
}

/** Name and tabs for the upper border; where room is short, tabs that are not chosen are abbreviated, then the name cut. */
function tabTitle(scene: Scene, area: Area): { row: Row; spots: Spot[] } {
  const { selected, ui } = scene;
  const name = selected === null ? "no run" : safeText(selected.name);
  const full = tabs.reduce((sum, tab) => sum + titles[tab].length + 2, 0);
  const room = area.width - 6;
  const short = full + Math.min(lineWidth([span(name)]), 14) + 3 > room;
  const labels = tabs.map((tab) => (short && tab !== ui.tab ? titles[tab].slice(0, 4) : titles[tab]));
  const tabsWidth = labels.reduce((sum, label) => sum + label.length + 2, 0);
  const nameRoom = Math.max(0, room - tabsWidth - 3);
  const cut = nameRoom < 4 ? "" : lineWidth([span(name)]) > nameRoom ? `${name.slice(0, nameRoom - 1)}…` : name;
  const head: Row = cut === "" ? [] : [piece(cut, "strong"), piece(scene.unicode ? " ─ " : " - ", "dim")];
  let x = area.x + 2 + lineWidth(head);
  const spots: Spot[] = [];
  const row: Row[number][] = [...head];
  for (const [index, tab] of tabs.entries()) {
    const label = labels[index] ?? "";
    const chosen = tab === ui.tab;
    row.push(chosen ? piece(`[${label}]`, "accent", { style: { bold: true } }) : piece(` ${label} `, "dim"));
    spots.push({ x, y: area.y, width: label.length + 2, height: 1, target: `tab:${tab}` });
    x += label.length + 2;
  }
  return { row, spots };
}

export function drawDetail(scene: Scene, area: Area): { layer: Layer; spots: Spot[] } {
  const { row, spots } = tabTitle(scene, area);
  const room = inside(area);
  const page = scene.selected === null ? { rows: [], foot: [] } : pageOf(scene, room);
  const focused = scene.ui.panel === "detail";
  const layer = box({ ...area, title: row, rows: page.rows, foot: page.foot, focused, unicode: scene.unicode });
  return { layer, spots: [{ ...room, target: "detail" }, ...spots] };
}
