/** Who used how much, and how long was waited: the page of `ml usage`. */
import { usagePage } from "../../view/usage-page.ts";
import { usageDays } from "../asides.ts";
import { type Area, box, inside, type Layer, piece, type Row } from "../cells.ts";
import { faceFor, type Scene } from "../scene.ts";

export function drawUsage(scene: Scene, area: Area): Layer {
  const { usage, problem } = scene.asides;
  const room = inside(area);
  const rows: readonly Row[] =
    usage === null
      ? [[], [piece(`  ${problem ?? "reading …"}`, problem === null ? "dim" : "warn")]]
      : usagePage(usage, faceFor(scene, room.width - 2)).map((line): Row => [piece(" "), ...line]);
  const [key] = scene.keymap.keysOf("sort");
  const corner = [piece(`${usageDays} days, by ${scene.ui.usageRows}; ${key} turns`, "dim")];
  return box({ ...area, title: [piece("Usage", "strong")], corner, rows, focused: true, unicode: scene.unicode });
}
