/** An open page: its lines in a box over the whole body, the command line that prints the same in the upper border. */
import { safeText } from "../../view/safe-text.ts";
import { type Area, box, inside, type Layer, piece, type Row } from "../cells.ts";
import type { OpenPage } from "../page.ts";
import { faceFor, type Scene } from "../scene.ts";

export function drawPage(scene: Scene, page: OpenPage, area: Area): Layer {
  const room = inside(area);
  const { wish, problem } = page;
  const says = (text: string, tone: "dim" | "warn"): Row[] => [[], [piece(`  ${text}`, tone)]];
  const lines = page.lines === null ? [] : scene.layOutPage(page, faceFor(scene, room.width - 2));
  const most = Math.max(0, lines.length - room.height);
  page.top = Math.max(0, Math.min(page.top, most));
  const last = Math.min(lines.length, page.top + room.height);
  const rows =
    page.lines !== null
      ? lines.slice(page.top, last).map((line): Row => [piece(" "), ...line])
      : says(problem === null ? "reading …" : safeText(problem), problem === null ? "dim" : "warn");
  const old = problem !== null && page.lines !== null ? [piece(`${safeText(problem)}  `, "warn")] : [];
  return box({
    ...area,
    title: [piece(wish.title, "strong")],
    corner: [piece(`$ ${wish.command}`, "dim")],
    foot: [...old, ...(most === 0 ? [] : [piece(`${page.top + 1}–${last} of ${lines.length}`, "dim")])],
    rows,
    focused: true,
    unicode: scene.unicode,
  });
}
