/** An open page: its lines in a box over the whole body, the command line that prints the same in the upper border. */
import type { Line } from "../../view/face.ts";
import { safeText } from "../../view/safe-text.ts";
import { type Area, box, inside, type Layer, piece, type Row } from "../cells.ts";
import { keyLabel } from "../keys.ts";
import { withMention } from "../mentions.ts";
import type { OpenPage } from "../page.ts";
import { faceFor, type Scene } from "../scene.ts";
import { placeOf } from "./text-tab.ts";

/** How to go to a run that the page names. */
function mentionFoot({ keymap, unicode }: Scene, { mentions, chosen }: OpenPage): Row {
  const [next] = keymap.keysOf("next_panel");
  const count = mentions.length;
  const which = chosen !== null ? `run ${chosen + 1} of ${count}` : count === 1 ? "the run" : `one of ${count} runs`;
  return next === undefined ? [] : [piece(keyLabel(next, unicode), "accent"), piece(` ${which}`, "dim")];
}

export function drawPage(scene: Scene, page: OpenPage, area: Area): Layer {
  const room = inside(area);
  const { wish, problem } = page;
  const says = (text: string, tone: "dim" | "warn"): Row[] => [[], [piece(`  ${text}`, tone)]];
  const lines = page.lines === null ? [] : scene.layOutPage(page, faceFor(scene, room.width - 2));
  page.height = room.height;
  const chosen = page.chosen === null ? undefined : page.mentions[page.chosen];
  const rowOf = (line: Line, at: number): Row =>
    chosen?.line === at
      ? [piece(scene.unicode ? "▸" : ">", "accent"), ...withMention(line, chosen)]
      : [piece(" "), ...line];
  const most = Math.max(0, lines.length - room.height);
  page.top = Math.max(0, Math.min(page.top, most));
  const last = Math.min(lines.length, page.top + room.height);
  const rows =
    page.lines !== null
      ? lines.slice(page.top, last).map((line, index) => rowOf(line, page.top + index))
      : says(problem === null ? "reading …" : safeText(problem), problem === null ? "dim" : "warn");
  const parts: Row[] = [
    ...(problem !== null && page.lines !== null ? [[piece(safeText(problem), "warn")]] : []),
    ...(page.mentions.length === 0 ? [] : [mentionFoot(scene, page)]),
    ...(most === 0 ? [] : [[placeOf(scene, { top: page.top, last, count: lines.length })]]),
  ];
  return box({
    ...area,
    title: [piece(wish.title, "strong")],
    corner: [piece(`$ ${wish.command}`, "dim")],
    foot: parts.flatMap((part, at) => (at === 0 ? part : [piece("  "), ...part])),
    rows,
    focused: true,
    unicode: scene.unicode,
  });
}
