/**
 * A form: fields with what has been typed into them, and what is done with it. The texts live here, not on the screen, so
 * neither a resize nor a lost connection touches them; closing a form keeps them as a draft for the next time.
 */
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

export interface FormState {
  /** Of what and for which run: drafts are kept by it. */
  id: string;
  title: string;
  fields: Field[];
  /** Index of the field with the keys. */
  at: number;
  problem: string | null;
  busy: boolean;
  /** The same as one would type it, for what stands in the fields now. */
  command(values: Values): string;
  /** Does it; resolves with a sentence for the screen. Throws MlError, which is shown while the form stays open. */
  submit(values: Values): Promise<string>;
}

export function valuesOf(form: FormState): Values {
  return Object.fromEntries(form.fields.map((field) => [field.name, field.text]));
}

/** Texts of forms that were closed, by form and field. The last ones typed are kept, a bounded number. */
export class Drafts {
  private readonly kept = new Map<string, Values>();

  keep(form: FormState, firstValues: Values): void {
    const values = valuesOf(form);
    this.kept.delete(form.id);
    if (Object.entries(values).some(([name, text]) => text !== firstValues[name])) this.kept.set(form.id, values);
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
