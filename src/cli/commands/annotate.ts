/** `ml annotate RUN NOTE`: adds a remark to a run's record, at any time, also after it was sealed. Append only. */
import { MlError } from "../../core/error.ts";
import { type Context, defineCommand } from "../command.ts";
import { type Draft, editText } from "../editor.ts";
import { flag } from "../flags.ts";

export const command = defineCommand({
  name: "annotate",
  group: "think",
  summary: "add a note to a run's record",
  about:
    "The note is added to history.jsonl and to `annotations` of the manifest, with the time and your name; nothing that was written before is changed. With no note, your editor ($VISUAL, $EDITOR) opens; `-` reads standard input.",
  positionals: [
    { name: "RUN", about: "which run", complete: "run" },
    { name: "NOTE", about: "the words; `-` reads standard input", optional: true, many: true },
  ],
  flags: {
    note: flag.text("TEXT", "the words, as a flag"),
    author: flag.text("NAME", "who says it, where it is not you"),
  },
  examples: [
    ['ml annotate @last "loss spikes at step 300: data order?"', "a remark on the newest run"],
    ["git log -1 | ml annotate k3f9ab -", "from a pipe"],
  ],
  schemas: { "ml.annotate/1": "`run_id` and the `timestamp` of the note" },
  async run(context, args) {
    const [run = "", ...words] = args.words;
    if (args.flags.note !== null && words.length > 0) {
      throw new MlError("usage", "the note was given twice: as words and as `--note`", {
        hint: "leave one of them out",
      });
    }
    const typed = args.flags.note ?? (words.length > 0 ? words.join(" ") : null);
    const connection = await context.connect();
    const runId = (await connection.ask("run.resolve", { runs: [run] })).run_ids[0] ?? run;
    const edited = typed === null ? await editedNote(context, runId) : null;
    const note = (edited?.note ?? (typed === "-" ? await Bun.stdin.text() : (typed ?? ""))).trim();
    if (note === "") {
      edited?.draft.discard();
      throw new MlError("usage", "the note is empty, so nothing was added");
    }
    const reply = await connection
      .ask("run.annotate", { run: runId, note, author: args.flags.author })
      .catch((cause) => {
        throw edited?.draft.kept(cause, `\`ml annotate ${runId} - <${edited.draft.path}\` adds it`) ?? cause;
      });
    edited?.draft.discard();
    context.output.result({
      schema: "ml.annotate/1",
      value: () => reply,
      ids: () => [reply.run_id],
      rows: () => [[reply.run_id, reply.timestamp]],
      human: () => `annotated ${reply.run_id}\n`,
    });
    return undefined;
  },
});

/** What was written in the editor, without lines that begin with `#`. Throws `usage` off a terminal. */
async function editedNote(context: Context, runId: string): Promise<{ note: string; draft: Draft }> {
  const text = `\n# A note on ${runId}. Lines that begin with # are left out; an empty note adds nothing.\n`;
  const hint = `write \`ml annotate ${runId} "what you saw"\`, or set EDITOR`;
  const draft = await editText(context, { name: "note", text, hint });
  const lines = draft.text.split("\n").filter((line) => !line.startsWith("#"));
  return { note: lines.join("\n"), draft };
}
