/** Whose text an editor of the frame holds: the filter, a search, the words of help and palette, a field of a form. */
import type { Field } from "./form.ts";
import type { LogWindow } from "./log-window.ts";
import type { UiState } from "./state.ts";

export interface Typed {
  readonly ui: UiState;
  readonly log: LogWindow | null;
}

function fieldOf({ ui }: Typed, name: string): Field | null {
  if (ui.overlay?.kind !== "form") return null;
  const { form } = ui.overlay;
  return form.fields.find((field) => `${form.id}/${field.name}` === name) ?? null;
}

/** The present text of the editor `name`. */
export function textOf(typed: Typed, name: string): string {
  const { overlay, filter } = typed.ui;
  if (name === "filter") return filter;
  if (name === "search") return typed.log?.search ?? "";
  if (overlay?.kind === "help" || overlay?.kind === "palette") return overlay.text;
  return fieldOf(typed, name)?.text ?? "";
}

/** Takes in what stands in the editor now; false where it stood there before. */
export function takeText(typed: Typed, name: string, text: string): boolean {
  if (textOf(typed, name) === text) return false;
  const { overlay } = typed.ui;
  const field = fieldOf(typed, name);
  if (field !== null) field.text = text;
  else if (name === "filter") typed.ui.filter = text;
  else if (name === "search" && typed.log !== null) typed.log.search = text;
  else if (overlay?.kind === "help" || overlay?.kind === "palette") Object.assign(overlay, { text, at: 0 });
  return true;
}
