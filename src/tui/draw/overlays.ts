/** What lies over the panels: the keys, the palette, a question, a form. Each a box in the middle of the screen. */
import { wrapText } from "../../view/face.ts";
import {
  type Area,
  box,
  type EditorPlace,
  fitRow,
  inside,
  type Layer,
  onGround,
  piece,
  type Row,
  type Spot,
} from "../cells.ts";
import type { Field, FormState } from "../form.ts";
import { valuesOf } from "../form.ts";
import { type Act, type ActGroup, acts, entryOf, keyLabel } from "../keys.ts";
import { topFor } from "../layout.ts";
import type { Scene } from "../scene.ts";
import type { Confirmation, Overlay } from "../state.ts";

export interface Drawn {
  layer: Layer;
  editors: EditorPlace[];
  spots: Spot[];
}

function centred(scene: Scene, size: { width: number; height: number }): Area {
  const width = Math.min(size.width, scene.width - 4);
  const height = Math.min(size.height, scene.height - 2);
  return { x: Math.floor((scene.width - width) / 2), y: Math.floor((scene.height - height) / 2), width, height };
}

const groupTitles: Record<ActGroup, string> = {
  move: "Moving",
  look: "Looking",
  do: "Doing",
  think: "Thinking",
  screen: "The screen",
};

/** Acts whose name, key or description holds all words typed; in the order of the table. */
export function matchingActs(scene: Pick<Scene, "keymap" | "offers">, text: string): Act[] {
  const words = text.toLowerCase().split(/\s+/);
  return acts.filter((act) => {
    if (!scene.offers(act)) return false;
    const { about, short = "", group } = entryOf(act);
    const hay = `${act.replaceAll("_", " ")} ${short} ${about} ${groupTitles[group]} ${scene.keymap.keysOf(act).join(" ")}`;
    return words.every((word) => hay.toLowerCase().includes(word));
  });
}

function actRow(scene: Scene, act: Act, look: { width: number; chosen: boolean }): Row {
  const keys = scene.keymap.keysOf(act).map((key) => keyLabel(key, scene.unicode));
  const why = scene.why(act);
  const left = piece(` ${keys.join("  ").padEnd(14)} `, why === null ? "accent" : "dim");
  const about = piece(entryOf(act).about, why === null ? "plain" : "dim");
  const reason = why === null ? [] : [piece(`  (${why})`, "dim")];
  const row = fitRow([left, about, ...reason], look.width, scene.unicode);
  return look.chosen ? onGround(row, "selected") : row;
}

function drawActs(scene: Scene, overlay: { kind: "help" | "palette"; text: string; at: number }): Drawn {
  const matching = matchingActs(scene, overlay.text);
  const area = centred(scene, { width: 96, height: Math.min(46, scene.height - 2) });
  const room = inside(area);
  overlay.at = Math.max(0, Math.min(overlay.at, matching.length - 1));
  const lines: { row: Row; act: Act | null }[] = [];
  for (const [index, act] of matching.entries()) {
    const { group } = entryOf(act);
    const before = matching[index - 1];
    if (overlay.kind === "help" && (before === undefined || entryOf(before).group !== group)) {
      if (before !== undefined) lines.push({ row: [], act: null });
      lines.push({ row: [piece(` ${groupTitles[group]}`, "strong")], act: null });
    }
    lines.push({ row: actRow(scene, act, { width: room.width, chosen: index === overlay.at }), act });
  }
  const height = room.height - 2;
  const chosen = lines.findIndex((line) => line.act === matching[overlay.at]);
  const wanted = Math.max(0, chosen - Math.floor(height / 2));
  const top = topFor({ count: lines.length, selected: chosen, top: wanted, height, heightOf: () => 1 });
  const shown = lines.slice(top, top + height);
  const prompt = overlay.kind === "help" ? "/" : ":";
  const rows: Row[] = [[piece(` ${prompt} `, "accent"), piece(overlay.text)], [], ...shown.map((line) => line.row)];
  if (matching.length === 0) rows.push([piece(" nothing is called that", "dim")]);
  const title = [piece(overlay.kind === "help" ? "Keys" : "Everything that can be done", "strong")];
  const layer = box({ ...area, title, rows, focused: true, unicode: scene.unicode });
  const editor = { x: room.x + 3, y: room.y, width: room.width - 4, height: 1, name: overlay.kind, focused: true };
  const spots = shown.flatMap((line, index) =>
    line.act === null
      ? []
      : [{ x: room.x, y: room.y + 2 + index, width: room.width, height: 1, target: `act:${line.act}` }],
  );
  return { layer, editors: [editor], spots };
}

function drawConfirm(scene: Scene, question: Confirmation): Drawn {
  const width = Math.min(84, scene.width - 8);
  const wrapped = question.text.flatMap((text) => wrapText(text, width - 4));
  const command = wrapText(question.command, width - 6);
  const rows: Row[] = [
    [],
    ...wrapped.map((text): Row => [piece(` ${text}`)]),
    [],
    ...command.map((text, index): Row => [piece(index === 0 ? " $ " : "   ", "dim"), piece(text, "accent")]),
    [],
    [
      piece("  "),
      piece(` y ${question.yes} `, "strong", question.dangerous ? { ground: "found" } : { ground: "selected" }),
      piece("   "),
      piece(" n no ", "dim"),
    ],
  ];
  const area = centred(scene, { width, height: rows.length + 2 });
  const title = [piece(question.title, question.dangerous ? "bad" : "strong")];
  const layer = box({ ...area, title, rows, focused: true, unicode: scene.unicode });
  const y = area.y + area.height - 2;
  const yesWidth = question.yes.length + 4;
  const spots = [
    { x: area.x + 3, y, width: yesWidth, height: 1, target: "confirm:yes" },
    { x: area.x + 6 + yesWidth, y, width: 6, height: 1, target: "confirm:no" },
  ];
  return { layer, editors: [], spots };
}

/** Rows that a field's text takes on the screen. */
function fieldHeight(field: Field, textHeight: number): number {
  return field.kind === "text" ? textHeight : 1;
}

function choiceRow(field: Field, focused: boolean): Row {
  return (field.choices ?? []).flatMap((choice) => {
    const chosen = choice === field.text;
    const more = chosen ? { ground: focused ? ("selected" as const) : ("resting" as const) } : {};
    return [piece(` ${chosen ? "(•)" : "( )"} ${choice} `.replace("•", "x"), chosen ? "strong" : "dim", more)];
  });
}

function drawForm(scene: Scene, form: FormState): Drawn {
  const width = Math.min(92, scene.width - 4);
  const labelWidth = Math.max(...form.fields.map((field) => field.label.length));
  const texts = form.fields.filter((field) => field.kind === "text").length;
  const spare = scene.height - 2 - 6 - (form.fields.length - texts) - (form.fields.length - 1);
  const textHeight = Math.max(1, Math.min(5, Math.floor(spare / Math.max(1, texts))));
  const gap = spare - texts * textHeight >= 0 ? 1 : 0;
  const rows: Row[] = [[]];
  const places: { field: Field; index: number; y: number; height: number }[] = [];
  for (const [index, field] of form.fields.entries()) {
    const focused = index === form.at;
    const height = fieldHeight(field, textHeight);
    places.push({ field, index, y: rows.length, height });
    const mark = focused ? piece(scene.unicode ? "▌" : ">", "accent") : piece(" ");
    const label = piece(`${field.label.padStart(labelWidth)}  `, focused ? "accent" : "dim");
    const lines = field.text.split("\n");
    const shownText = field.text === "" && !focused ? piece(field.hint ?? "", "dim") : piece(lines[0] ?? "");
    rows.push([mark, label, ...(field.kind === "choice" ? choiceRow(field, focused) : [shownText])]);
    for (let line = 1; line < height; line++)
      rows.push([mark, piece(" ".repeat(labelWidth + 2)), piece(lines[line] ?? "")]);
    for (let line = 0; line < gap; line++) rows.push([]);
  }
  const command = wrapText(form.command(valuesOf(form)), width - 6).slice(0, 2);
  rows.push(...command.map((text, index): Row => [piece(index === 0 ? " $ " : "   ", "dim"), piece(text, "accent")]));
  if (form.problem !== null)
    rows.push(...wrapText(form.problem, width - 4).map((text): Row => [piece(` ! ${text}`, "bad")]));
  else if (form.busy) rows.push([piece(" sending …", "dim")]);
  const area = centred(scene, { width, height: rows.length + 2 });
  const room = inside(area);
  const fieldX = room.x + labelWidth + 3;
  const fieldWidth = room.width - labelWidth - 4;
  const editors = places
    .filter(({ field, y, height }) => field.kind !== "choice" && y + height <= room.height)
    .map(({ field, index, y, height }) => ({
      x: fieldX,
      y: room.y + y,
      width: fieldWidth,
      height,
      name: `${form.id}/${field.name}`,
      focused: index === form.at,
    }));
  const spots = places.map(({ index, y, height }) => ({
    x: room.x,
    y: room.y + y,
    width: room.width,
    height,
    target: `field:${index}`,
  }));
  const title: Row = [piece(form.title, "strong")];
  return { layer: box({ ...area, title, rows, focused: true, unicode: scene.unicode }), editors, spots };
}

export function drawOverlay(scene: Scene, overlay: Overlay): Drawn {
  if (overlay.kind === "confirm") return drawConfirm(scene, overlay.question);
  if (overlay.kind === "form") return drawForm(scene, overlay.form);
  return drawActs(scene, overlay);
}
