/** What lies over the panels: the keys, the palette, a question, a form. Each a box in the middle of the screen. */
import { wrapText } from "../../view/face.ts";
import { safeText } from "../../view/safe-text.ts";
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
import type { Confirmation, Field, FormState } from "../form.ts";
import { valuesOf } from "../form.ts";
import { type Act, acts, entryOf, groupTitles } from "../key-table.ts";
import { keyLabel } from "../keys.ts";
import { topFor } from "../layout.ts";
import { faceFor, type Scene } from "../scene.ts";
import type { Overlay } from "../state.ts";

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

/** Acts whose name, key or description holds all words typed; in the order of the table. */
export function matchingActs(scene: Pick<Scene, "keymap" | "offers">, text: string): Act[] {
  const words = text.toLowerCase().split(/\s+/);
  return acts.filter((act) => {
    if (!scene.offers(act)) return false;
    const { about, short = "", group, commands = [] } = entryOf(act);
    const names = `${act.replaceAll("_", " ")} ${commands.map((command) => `ml ${command}`).join(" ")}`;
    const hay = `${names} ${short} ${about} ${groupTitles[group]} ${scene.keymap.keysOf(act).join(" ")}`;
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

/** The keys that may follow one, as a list at the lower edge. */
function drawChord(scene: Scene, first: string): Drawn {
  const offered = scene.keymap.after(first).filter(({ act }) => scene.offers(act));
  const width = Math.min(96, scene.width - 4);
  const height = Math.min(offered.length + 2, scene.height - 3);
  const area = { x: Math.floor((scene.width - width) / 2), y: scene.height - 1 - height, width, height };
  const room = inside(area);
  const shown = offered.slice(0, room.height);
  const rows = shown.map(({ act, key }): Row => {
    const why = scene.why(act);
    const label = piece(`  ${keyLabel(key, scene.unicode).padEnd(6)}`, why === null ? "accent" : "dim");
    const about = piece(entryOf(act).about, why === null ? "plain" : "dim");
    return fitRow([label, about, ...(why === null ? [] : [piece(`  (${why})`, "dim")])], room.width, scene.unicode);
  });
  const group = offered[0] === undefined ? "" : groupTitles[entryOf(offered[0].act).group];
  const title: Row = [piece(`${keyLabel(first, scene.unicode)} …`, "accent"), piece(` ${group}`, "strong")];
  const spots = shown.map(({ act }, at) => ({ ...room, y: room.y + at, height: 1, target: `act:${act}` }));
  return { layer: box({ ...area, title, rows, focused: true, unicode: scene.unicode }), editors: [], spots };
}

function drawConfirm(scene: Scene, question: Confirmation): Drawn {
  const width = question.lines === undefined ? Math.min(84, scene.width - 8) : Math.min(116, scene.width - 4);
  const wrapped = question.text.flatMap((text) => wrapText(text, width - 4));
  const command = wrapText(question.command, width - 6);
  const page = question.lines?.(faceFor(scene, width - 4)) ?? [];
  // Borders, the command, the keys and the empty rows between them stay.
  const room = Math.max(1, scene.height - 9 - wrapped.length - command.length);
  const cut =
    page.length > room
      ? [...page.slice(0, room - 1), [piece(`and ${page.length - room + 1} lines more`, "dim")]]
      : page;
  const rows: Row[] = [
    [],
    ...wrapped.map((text): Row => [piece(` ${text}`)]),
    ...(cut.length > 0 && wrapped.length > 0 ? [[]] : []),
    ...cut.map((line): Row => [piece(" "), ...line]),
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

interface Place {
  field: Field;
  index: number;
  /** Row inside the box. */
  y: number;
  height: number;
}

/** The fields one below the other, and where each is; texts share the room that the lines leave. */
function fieldRows(scene: Scene, form: FormState, labelWidth: number): { rows: Row[]; places: Place[] } {
  const texts = form.fields.filter((field) => field.kind === "text").length;
  const spare = scene.height - 2 - 6 - (form.fields.length - texts) - (form.fields.length - 1);
  // A text of one row is none; what does not fit then is scrolled to.
  const least = scene.height < 20 ? 1 : 2;
  const textHeight = Math.max(least, Math.min(5, Math.floor(spare / Math.max(1, texts))));
  const gap = spare - texts * textHeight >= 0 ? 1 : 0;
  const rows: Row[] = [[]];
  const places: Place[] = [];
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
  return { rows, places };
}

/** The command line that does the same; below it what went wrong, or how far it is. */
function formTail(scene: Scene, form: FormState, width: number): Row[] {
  const command = wrapText(form.command(valuesOf(form)), width - 6).slice(0, 2);
  const rows = command.map((text, index): Row => [piece(index === 0 ? " $ " : "   ", "dim"), piece(text, "accent")]);
  if (form.problem !== null)
    rows.push(...wrapText(form.problem, width - 4).map((text): Row => [piece(` ! ${text}`, "bad")]));
  else if (form.busy)
    rows.push([piece(` ${safeText(form.progress ?? (scene.unicode ? "sending …" : "sending ..."))}`, "live")]);
  return rows;
}

/** A form that is higher than the screen moves with the field that has the keys. */
function drawForm(scene: Scene, form: FormState): Drawn {
  const width = Math.min(92, scene.width - 4);
  const labelWidth = Math.max(...form.fields.map((field) => field.label.length));
  const { rows, places } = fieldRows(scene, form, labelWidth);
  const tail = formTail(scene, form, width);
  const height = Math.max(1, Math.min(rows.length, scene.height - 4 - tail.length));
  const focused = places[form.at];
  const below = focused === undefined ? 0 : focused.y + focused.height + (form.at === places.length - 1 ? 0 : 1);
  const top = Math.max(0, Math.min(rows.length - height, below - height));
  const area = centred(scene, { width, height: height + tail.length + 2 });
  const room = inside(area);
  const visible = places
    .map((place) => ({ ...place, y: place.y - top }))
    .filter(({ y, height: own }) => y >= 0 && y + own <= height);
  const editors = visible
    // What is empty and has no keys shows its hint.
    .filter(({ field, index }) => field.kind !== "choice" && (field.text !== "" || index === form.at))
    .map(({ field, index, y, height: own }) => ({
      x: room.x + labelWidth + 3,
      y: room.y + y,
      width: room.width - labelWidth - 4,
      height: own,
      name: `${form.id}/${field.name}`,
      focused: index === form.at,
    }));
  const spots = visible.map(({ index, y, height: own }) => ({
    ...{ x: room.x, y: room.y + y, width: room.width, height: own },
    target: `field:${index}`,
  }));
  const hint = form.fields[form.at]?.hint ?? "";
  const foot = [
    ...(hint === "" ? [] : [piece(hint, "dim")]),
    ...(rows.length > height
      ? [piece(`${hint === "" ? "" : "  "}field ${form.at + 1} of ${places.length}`, "dim")]
      : []),
  ];
  const layer = box({
    ...area,
    title: [piece(form.title, "strong")],
    foot,
    rows: [...rows.slice(top, top + height), ...tail],
    focused: true,
    unicode: scene.unicode,
  });
  return { layer, editors, spots };
}

export function drawOverlay(scene: Scene, overlay: Overlay): Drawn {
  if (overlay.kind === "confirm") return drawConfirm(scene, overlay.question);
  if (overlay.kind === "form") return drawForm(scene, overlay.form);
  if (overlay.kind === "chord") return drawChord(scene, overlay.first);
  return drawActs(scene, overlay);
}
