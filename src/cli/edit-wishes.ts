/** `ml queue -e`: the why of a run in the editor before it is queued, filled with what the flags said already. */
import { MlError } from "../core/error.ts";
import type { Told } from "../think/narrative-change.ts";
import { type NarrativeKey, narrativeFields } from "../think/narrative-field.ts";
import type { Context } from "./command.ts";
import { type Draft, editText } from "./editor.ts";
import { changeOf, templateOf } from "./narrative-template.ts";
import type { RunFlags } from "./submission.ts";

const fields = narrativeFields.filter((field) => field.before);
/** The flag that says the same as a field. */
const flagNames: Partial<Record<NarrativeKey, keyof RunFlags>> = {
  note: "note",
  hypothesis: "hypothesis",
  context: "context",
  intent: "intent",
  expected_outcome: "expect",
  parent_run: "parent",
  experiment_group: "group",
  tags: "tag",
};

/** The flags with what was written. Throws `usage`, the file kept, for what cannot be read; nothing is queued then. */
export async function editWishes(context: Context, flags: RunFlags): Promise<{ flags: RunFlags; draft: Draft }> {
  const told = Object.fromEntries(
    Object.entries(flagNames).map(([key, name]) => [key, flags[name as keyof RunFlags]]),
  ) as unknown as Partial<Told>;
  const about = [
    "Why do you queue this? It is queued when you close the editor, with the code as it is then.",
    "An empty file queues nothing.",
  ];
  const before = templateOf(fields, told, about);
  const draft = await editText(context, { name: "queue", text: before, hint: 'give it by flags: `--hypothesis "…"`' });
  if (draft.text.trim() === "") {
    draft.discard();
    throw new MlError("usage", "the file is empty, so nothing was queued");
  }
  try {
    const set = changeOf(before, draft.text, fields)?.set ?? {};
    const written = Object.entries(set).flatMap(([key, value]) => {
      const name = flagNames[key as NarrativeKey];
      return name === undefined ? [] : [[name, value]];
    });
    return { flags: { ...flags, ...Object.fromEntries(written) }, draft };
  } catch (cause) {
    throw draft.kept(cause, "copy it into the flags, or into `ml narrative edit` later");
  }
}
