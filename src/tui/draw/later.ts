/** Views whose facts this server does not keep yet: their place, and one sentence that says so. */
import { wrapText } from "../../view/face.ts";
import { type Area, box, inside, type Layer, piece } from "../cells.ts";
import type { Scene } from "../scene.ts";

const sentences = {
  data: "`ml dataset list` shows the registered datasets, `ml prewarm` what of them is warm; this view does not show them yet. What a run used stands with its environment.",
  containers: "This server runs scripts in the worker's own environment; it does not start containers yet.",
} as const;
const titles = { data: "Datasets", containers: "Containers" } as const;

export function drawLater(scene: Scene, area: Area, view: keyof typeof sentences): Layer {
  const room = inside(area);
  const lines = wrapText(sentences[view], Math.min(90, room.width - 4));
  return box({
    ...area,
    title: [piece(titles[view], "strong")],
    rows: [[], ...lines.map((text) => [piece(`  ${text}`, "dim")])],
    focused: true,
    unicode: scene.unicode,
  });
}
