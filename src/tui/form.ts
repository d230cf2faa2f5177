/**
 * A form: fields with what has been typed into them, and what is done with it. The texts live here, not on the screen, so
 * neither a resize nor a lost connection touches them; closing a form keeps them as a draft for the next time. What a form
 * may lead to stands here too: a question, or a page.
 */
import type { Face, Line } from "../view/face.ts";

export interface Field {
  name: string;
  label: string;
  kind: "line" | "text" | "choice";
  /** For `choice`. */
  choices?: readonly string[];
  /** Shown while the field is empty. */
  hint?: string;
  text: string;
}

export type Values = Readonly<Record<string, string>>;

/** A question that must be answered before something is done. */
export interface Confirmation {
  title: string;
  /** What will happen, in sentences. */
  text: string[];
  /** More of it, as a page: what would go, what would be queued. */
  lines?(face: Face): Line[];
  /** The same as one would type it. */
  command: string;
  /** What the yes key says: `cancel it`. */
  yes: string;
  dangerous: boolean;
  act(): Promise<void>;
  /** The form that led here, and comes back with a no. */
  form?: FormState;
}

/** Lines for a face, and ids of the runs that they may name. */
export type PageLines = ((face: Face) => Line[]) & { readonly named?: ReadonlySet<string> };

export interface PageWish {
  title: string;
  /** The same as one would type it. */
  command: string;
  /** The run that it is about; null where it is about none, or several. */
  runId: string | null;
  /** The sweep that it is about, by id. */
  sweepId?: string;
  load(): Promise<PageLines>;
  /** It is asked for again so often. Left out: never. */
  everyMs?: number;
  /** Asks for the same of other runs. */
  refine?(): FormState;
}

/** What came of a form that was sent: a sentence; or there is something to say yes to first, or a page to look at. */
export type Outcome = string | { question: Confirmation } | { page: PageWish };

export interface FormState {
  /** Of what and for which run: drafts are kept by it. */
  id: string;
  title: string;
  fields: Field[];
  /** What stood in the fields when the form was made. */
  first: Values;
  /** Index of the field with the keys. */
  at: number;
  problem: string | null;
  busy: boolean;
  /** How far it is, while it is busy; null where nothing is known. */
  progress: string | null;
  /** The same as one would type it, for what stands in the fields now. */
  command(values: Values): string;
  /** Does it; `onTalk` takes how far it is. Throws MlError, which is shown while the form stays open. */
  submit(values: Values, onTalk: (text: string) => void): Promise<Outcome>;
}

export function valuesOf(form: Pick<FormState, "fields">): Values {
  return Object.fromEntries(form.fields.map((field) => [field.name, field.text]));
}

/** Texts of forms that were closed, by form and field. The last ones typed are kept, a bounded number. */
export class Drafts {
  private readonly kept = new Map<string, Values>();

  keep(form: FormState): void {
    const values = valuesOf(form);
    this.kept.delete(form.id);
    if (Object.entries(values).some(([name, text]) => text !== form.first[name])) this.kept.set(form.id, values);
    const [oldest] = this.kept.keys();
    if (this.kept.size > 50 && oldest !== undefined) this.kept.delete(oldest);
  }

  /** Puts what was typed before into a fresh form; true where there was something. */
  restore(form: FormState): boolean {
    const values = this.kept.get(form.id);
    if (values === undefined) return false;
    for (const field of form.fields) field.text = values[field.name] ?? field.text;
    return true;
  }

  has(id: string): boolean {
    return this.kept.has(id);
  }

  drop(id: string): void {
    this.kept.delete(id);
  }
}

/** To the next field, round the end; -1 for the one before. */
export function moveField(form: FormState, by: 1 | -1): void {
  form.at = (form.at + by + form.fields.length) % form.fields.length;
}

/** The choice after, or before, the present one; none is a choice too. */
export function moveChoice(field: Field, by: 1 | -1): void {
  const choices = ["", ...(field.choices ?? [])];
  const at = Math.max(0, choices.indexOf(field.text));
  field.text = choices[(at + by + choices.length) % choices.length] ?? "";
}
