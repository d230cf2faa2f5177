/**
 * Keys while something is open on top, or a line is being typed. What is not taken here goes to the editor with the
 * cursor. No stray key loses a text: esc closes a form and keeps what stands in it as a draft.
 */
import { asMlError } from "../core/error.ts";
import type { Desk } from "./desk.ts";
import { matchingActs } from "./draw/overlays.ts";
import { type Drafts, type FormState, moveChoice, moveField, type Values, valuesOf } from "./form.ts";
import type { Act } from "./keys.ts";
import type { Confirmation, Overlay } from "./state.ts";

export interface TypingDesk extends Desk {
  readonly drafts: Drafts;
  /** What stood in the open form when it was opened. */
  firstValues: Values;
  offers(act: Act): boolean;
}

function close(desk: Desk): void {
  desk.ui.overlay = null;
  desk.changed();
}

function confirmKey(desk: Desk, question: Confirmation, key: string): boolean {
  if (key === "y" || key === "Y") {
    close(desk);
    desk.attempt(question.act);
  } else if (key === "n" || key === "N" || key === "esc" || key === "q" || key === "ctrl+c") close(desk);
  else desk.tell(`y ${question.yes}, n or esc does not`);
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
  desk.changed();
  form.submit(valuesOf(form)).then(
    (sentence) => {
      desk.drafts.drop(form.id);
      form.busy = false;
      if (desk.ui.overlay?.kind === "form" && desk.ui.overlay.form === form) desk.ui.overlay = null;
      desk.tell(sentence, "good");
    },
    (cause) => {
      const { message, detail } = asMlError(cause, "sending");
      form.busy = false;
      form.problem = [message, detail.cause, detail.hint].filter((part) => part).join("; ");
      desk.drafts.keep(form, desk.firstValues);
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
    desk.drafts.keep(form, desk.firstValues);
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
  if (overlay?.kind === "form") return formKey(desk, overlay.form, key);
  if (overlay !== null) return actsKey(desk, overlay, key);
  return typing === null ? false : lineKey(desk, key);
}
