/**
 * Keys while something is open on top, or a line is being typed. What is not taken here goes to the editor with the
 * cursor. No stray key loses a text: esc closes a form and keeps what stands in it as a draft.
 */

import { asMlError } from "../core/error.ts";
import type { Desk } from "./desk.ts";
import { matchingActs } from "./draw/overlays.ts";
import type { Confirmation } from "./form.ts";
import { type Drafts, type FormState, moveChoice, moveField, valuesOf } from "./form.ts";
import type { Act } from "./key-table.ts";
import { keyLabel } from "./keys.ts";
import type { Overlay } from "./state.ts";

export interface TypingDesk extends Desk {
  readonly drafts: Drafts;
  offers(act: Act): boolean;
  /** False where the key belongs to the editor with the cursor. */
  key(key: string): boolean;
}

function close(desk: Desk): void {
  desk.ui.overlay = null;
  desk.changed();
}

function confirmKey(desk: TypingDesk, question: Confirmation, key: string): boolean {
  if (key === "y" || key === "Y") {
    close(desk);
    desk.attempt(async () => {
      await question.act();
      if (question.form !== undefined) desk.drafts.drop(question.form.id);
      desk.pages.again();
    });
  } else if (key === "n" || key === "N" || key === "esc" || key === "q" || key === "ctrl+c") {
    close(desk);
    if (question.form !== undefined) desk.openForm(question.form);
  } else desk.tell(`y ${question.yes}, n or esc does not`);
  return true;
}

function actsKey(desk: TypingDesk, overlay: Extract<Overlay, { text: string }>, key: string): boolean {
  const step = { up: -1, down: 1, "ctrl+p": -1, "ctrl+n": 1, pageup: -10, pagedown: 10 }[key];
  if (step !== undefined) {
    overlay.at = Math.max(0, overlay.at + step);
    desk.changed();
    return true;
  }
  if (key === "esc" || key === "ctrl+c" || (key === "?" && overlay.text === "")) {
    close(desk);
    return true;
  }
  if (key !== "enter") return false;
  const act = matchingActs(desk, overlay.text)[overlay.at];
  close(desk);
  if (act !== undefined) desk.perform(act);
  return true;
}

/** Sends what stands in the form; where that fails the form stays, with the reason. */
export function submitForm(desk: TypingDesk, form: FormState): void {
  if (form.busy) return;
  form.busy = true;
  form.problem = null;
  form.progress = null;
  desk.changed();
  const onTalk = (text: string) => {
    form.progress = text;
    desk.changed();
  };
  form.submit(valuesOf(form), onTalk).then(
    (outcome) => {
      form.busy = false;
      const { overlay } = desk.ui;
      const isOpen = overlay?.kind === "form" && overlay.form === form;
      if (isOpen) desk.ui.overlay = null;
      // What is still to be said yes to keeps its texts until then.
      if (typeof outcome === "object" && "question" in outcome) {
        desk.drafts.keep(form);
        if (isOpen) desk.confirm({ ...outcome.question, form });
        return;
      }
      desk.drafts.drop(form.id);
      if (typeof outcome === "object") desk.pages.open(outcome.page);
      else desk.tell(outcome, "good");
      desk.pages.again();
    },
    (cause) => {
      const { message, detail } = asMlError(cause, "sending");
      form.busy = false;
      form.problem = [message, detail.cause, detail.hint].filter((part) => part).join("; ");
      desk.drafts.keep(form);
      desk.changed();
    },
  );
}

function formKey(desk: TypingDesk, form: FormState, key: string): boolean {
  const field = form.fields[form.at];
  const last = form.at === form.fields.length - 1;
  if (key === "tab") moveField(form, 1);
  else if (key === "shift+tab") moveField(form, -1);
  else if (key === "ctrl+s" || (key === "enter" && form.fields.length === 1 && field?.kind === "line"))
    submitForm(desk, form);
  else if (key === "esc" || key === "ctrl+c") {
    desk.drafts.keep(form);
    close(desk);
    if (desk.drafts.has(form.id)) desk.tell("kept what you typed: the same key brings it back");
  } else if (field?.kind === "choice" && (key === "right" || key === "space" || key === "left"))
    moveChoice(field, key === "left" ? -1 : 1);
  else if (field?.kind !== "text" && (key === "enter" || key === "down")) {
    if (last && key === "enter") desk.tell("ctrl+s sends the form");
    else moveField(form, 1);
  } else if (field?.kind !== "text" && key === "up") moveField(form, -1);
  else return field?.kind === "choice";
  desk.changed();
  return true;
}

/** The second key of two. */
function chordKey(desk: TypingDesk, first: string, key: string): boolean {
  const act = desk.keymap.actOf(`${first}>${key}`);
  close(desk);
  if (act !== undefined) desk.perform(act);
  else if (key !== "esc" && key !== "ctrl+c")
    desk.tell(`${keyLabel(first, true)} ${keyLabel(key, true)} does nothing`, "warn");
  return true;
}

function lineKey(desk: TypingDesk, key: string): boolean {
  const { ui, log } = desk;
  const search = ui.typing === "search";
  if (key === "esc" || key === "ctrl+c") {
    if (search && log !== null) log.search = "";
    else ui.filter = "";
    ui.typing = null;
  } else if (key === "enter") {
    ui.typing = null;
    if (search && log !== null && log.search !== "") {
      log.hit = null;
      desk.perform("last_hit");
    }
  } else if (!search && (key === "up" || key === "down")) desk.perform(key);
  else return false;
  desk.changed();
  return true;
}

/** True where the key was taken; else it belongs to the editor. Only called while something is open or typed. */
export function typingKey(desk: TypingDesk, key: string): boolean {
  const { overlay, typing } = desk.ui;
  if (key === "ctrl+z") {
    desk.perform("suspend");
    return true;
  }
  if (overlay?.kind === "confirm") return confirmKey(desk, overlay.question, key);
  if (overlay?.kind === "chord") return chordKey(desk, overlay.first, key);
  if (overlay?.kind === "form") return formKey(desk, overlay.form, key);
  if (overlay !== null) return actsKey(desk, overlay, key);
  return typing === null ? false : lineKey(desk, key);
}

/** Keys that were typed before there was anything to type into: to the form that is there now, or as usual. */
export function replay(desk: TypingDesk, keys: readonly string[]): void {
  for (const key of keys) {
    if (desk.key(key) || desk.ui.overlay?.kind !== "form") continue;
    const { form } = desk.ui.overlay;
    const field = form.fields[form.at];
    const typed = key === "space" ? " " : [...key].length === 1 ? key : "";
    if (field !== undefined && field.kind !== "choice") field.text += typed;
  }
}
