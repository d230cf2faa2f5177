/**
 * Containers, as far as there is anything to tell: `ml` starts none of its own, but a run whose command is one, or whose worker lives
 * in one, has image and digest in its record; below, what the workers had their engines pull ahead.
 */
import type { RunSummary } from "../../protocol/summary.ts";
import { type Line, span, wrapText } from "../../view/face.ts";
import { imageLines, shortImage } from "../../view/image-lines.ts";
import { markOf, shortId, unknown } from "../../view/mark.ts";
import { safeText } from "../../view/safe-text.ts";
import { type Column, layTable, type Row as TableRow } from "../../view/table.ts";
import type { RunDetail } from "../../view/verdict-block.ts";
import { type Area, box, inside, type Layer, piece, type Row } from "../cells.ts";
import { faceFor, type Scene } from "../scene.ts";
import { scrolledPage } from "./text-tab.ts";

/** Commands that start a container (docs/capture.md). */
const starters = /^(?:\S*\/)?(?:docker|podman|nerdctl|apptainer|singularity)\s/;
const mostShown = 30;

/** Known runs that start one, the newest first. */
export function containerRuns(runs: Iterable<RunSummary>): RunSummary[] {
  const found = [...runs].filter((run) => starters.test(run.command));
  return found.sort((left, right) => right.queued_at.localeCompare(left.queued_at)).slice(0, mostShown);
}

const columns: readonly Column[] = [
  { name: "run", least: 12, most: 32 },
  { name: "id", keep: 2 },
  { name: "image", least: 12 },
  { name: "at its turn", keep: 2, least: 12 },
  { name: "digest", keep: 1, least: 12 },
];

type ImageUse = NonNullable<RunDetail["manifest"]["environment"]["image"]>;

/** `pulled ahead`, `there`, `not there`: what the image was when the run's turn came. */
function turnText({ pulled_via: via }: ImageUse): string {
  if (via === null) return "no answer";
  return { prewarm: "pulled ahead", there: "there", command: "not there" }[via];
}

export function drawContainers(scene: Scene, area: Area): Layer {
  const room = inside(area);
  const face = faceFor(scene, room.width - 2);
  const says = (text: string): Line[] => wrapText(text, Math.min(100, face.width)).map((part) => [span(part, "dim")]);
  const rows = containerRuns(scene.model.runs.values()).map((run): TableRow => {
    const environment = scene.detailOf(run.run_id)?.detail?.manifest.environment;
    const { container_image: image = null, container_digest: digest = null, image: use = null } = environment ?? {};
    return {
      run: [markOf(run, face), span(" "), span(safeText(run.name), "strong")],
      id: [span(shortId(run.run_id), "dim")],
      image: [image === null ? unknown(face) : span(shortImage(image, face))],
      "at its turn": [use == null ? unknown(face) : span(turnText(use), use.pulled_via === "command" ? "dim" : "good")],
      digest: [digest === null ? unknown(face) : span(safeText(digest), "dim")],
    };
  });
  const head: TableRow = Object.fromEntries(columns.map(({ name }) => [name, [span(name, "dim")]]));
  const lines: Line[] = [
    ...says(
      "This server starts no containers of its own: scripts run in the worker's environment. Of a run whose command is docker, podman, nerdctl or apptainer, or whose worker lives in a container, image and digest stand in the record (its tab Environment). While such a run waits, docker, podman or nerdctl is made to pull its image.",
    ),
    [],
    ...(rows.length === 0 ? says("No known run is of that kind.") : layTable(columns, [head, ...rows], { face })),
  ];
  const alive = scene.model.workers.filter((worker) => worker.alive && worker.images != null);
  for (const { worker, images } of alive) {
    const told = imageLines(images, face);
    if (told.length > 0) lines.push([], [span(safeText(worker), "strong")], ...told);
  }
  const page = scrolledPage(scene, "overview", { lines, area: room });
  const shown = page.rows.map((line): Row => [piece(" "), ...line]);
  return box({
    ...area,
    title: [piece("Containers", "strong")],
    rows: shown,
    foot: page.foot,
    focused: true,
    unicode: scene.unicode,
  });
}
