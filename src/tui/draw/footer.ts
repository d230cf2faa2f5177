/**
 * The last row: keys that do something here, from the key table; at the right how the connection is. In its place what is
 * being typed, or for a few seconds what an act has to say.
 */
import { lineWidth } from "../../view/face.ts";
import { type Area, fitRow, type Layer, piece, type Row, spread } from "../cells.ts";
import { type Act, type ActGroup, acts, entryOf } from "../key-table.ts";
import { keyLabel } from "../keys.ts";
import type { Scene } from "../scene.ts";

/** Worth a place in the footer, most useful first; what cannot be done here is left out. */
const shownActs: readonly Act[] = [
  "open",
  "follow",
  "next_hit",
  "logs",
  "narrative",
  "metrics",
  "annotate",
  "verdict",
  "cancel",
  "filter",
  "wrap",
  "mark",
  "compare",
  "requeue",
  "new_run",
  "palette",
];
/** On a page. */
const pageActs: readonly Act[] = ["back", "open", "filter"];
/** On the page of a sweep besides. */
const sweepActs: readonly Act[] = ["sweep_pause", "sweep_resume", "sweep_retry", "sweep_extend", "sweep_cancel"];
/** In the data view. */
const dataActs: readonly Act[] = [
  "open",
  "data_prewarm",
  "data_pin",
  "data_cancel",
  "data_verify",
  "data_add",
  "data_remove",
  "palette",
];
/** Groups of acts behind a first key, where runs are. */
const shownGroups: readonly ActGroup[] = ["ask", "again", "keep", "sweep"];
const lastActs: readonly Act[] = ["help"];

export function linkRow(scene: Scene): Row {
  const { word, sinceMs } = scene.link;
  const seconds = sinceMs === null ? null : Math.max(0, Math.round((performance.now() - sinceMs) / 1000));
  const mark = scene.unicode ? "●" : "*";
  if (seconds === null) return [piece(`${mark} ${word} `, word === "live" ? "good" : "warn")];
  return [piece(`${mark} ${word} ${seconds} s `, "warn")];
}

function keyRow(scene: Scene, acts: readonly Act[]): Row {
  return acts.flatMap((act) => {
    const [key] = scene.keymap.keysOf(act);
    const { short, about } = entryOf(act);
    return key === undefined
      ? []
      : [piece(" "), piece(keyLabel(key, scene.unicode), "accent"), piece(` ${short ?? about} `, "dim")];
  });
}

/** `i ask  R again`: the first keys of groups. */
function groupRow(scene: Scene): Row {
  return shownGroups.flatMap((group) => {
    const chord = acts.find((act) => entryOf(act).group === group && scene.keymap.keysOf(act)[0]?.includes(">", 1));
    const [first] = chord === undefined ? [] : (scene.keymap.keysOf(chord)[0]?.split(">") ?? []);
    if (first === undefined || !scene.keymap.after(first).some(({ act }) => scene.offers(act))) return [];
    return [
      piece(" "),
      piece(keyLabel(first, scene.unicode), "accent"),
      piece(` ${group} … `.replace("…", scene.unicode ? "…" : "..."), "dim"),
    ];
  });
}

function actsFor(scene: Scene): readonly Act[] {
  const { page } = scene;
  if (page !== null) return [...pageActs, ...(page.wish.sweepId === undefined ? [] : sweepActs), "palette"];
  return scene.ui.view === "data" ? dataActs : shownActs;
}

function usable(scene: Scene, acts: readonly Act[]): Act[] {
  return acts.filter((act) => scene.offers(act) && scene.why(act) === null);
}

export function drawFooter(scene: Scene, area: Area): Layer {
  const right = linkRow(scene);
  const room = area.width - lineWidth(right) - 1;
  const { toast, overlay } = scene.ui;
  if (toast !== null)
    return { ...area, rows: [spread([piece(` ${toast.text}`, toast.tone)], right, area.width, scene.unicode)] };
  if (overlay !== null)
    return {
      ...area,
      rows: [spread([piece(` ${overlayHint[overlay.kind]}`, "dim")], right, area.width, scene.unicode)],
    };
  const last = keyRow(scene, usable(scene, lastActs));
  const shown = usable(scene, actsFor(scene));
  let count = shown.length;
  while (count > 0 && lineWidth(keyRow(scene, shown.slice(0, count))) + lineWidth(last) > room) count -= 1;
  const keys = keyRow(scene, shown.slice(0, count));
  const groups = scene.page === null && scene.ui.view !== "data" ? groupRow(scene) : [];
  const fits = lineWidth(keys) + lineWidth(groups) + lineWidth(last) <= room;
  const left = [...keys, ...(fits ? groups : []), ...last];
  return { ...area, rows: [fitRow(spread(left, right, area.width, scene.unicode), area.width, scene.unicode)] };
}

const overlayHint = {
  chord: "the next key does it, esc does not",
  help: "type to search, enter does it, esc closes",
  palette: "type to search, enter does it, esc closes",
  confirm: "y does it, n or esc does not",
  form: "tab next field, ^S sends, esc closes and keeps what is typed",
} as const;
