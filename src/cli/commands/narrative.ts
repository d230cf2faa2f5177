/** `ml narrative show·set·edit`: what people think of a run or a group, at any time, also after it was sealed; nothing is lost. */
import { readFileSync } from "node:fs";
import { MlError, messageOf } from "../../core/error.ts";
import type { Reply } from "../../protocol/requests.ts";
import type { NarrativeChange } from "../../think/narrative-change.ts";
import { narrativeFields } from "../../think/narrative-field.ts";
import { plainFacts } from "../../view/facts.ts";
import { shortId } from "../../view/mark.ts";
import { narrativePage } from "../../view/narrative-page.ts";
import { batchFlags, changedSchema, changeNarratives, printChanged } from "../change-narratives.ts";
import { type Context, defineCommand } from "../command.ts";
import { type Draft, editText } from "../editor.ts";
import { flag } from "../flags.ts";
import { changeOf, templateOf } from "../narrative-template.ts";
import { changeFromWords, isAssignment } from "../narrative-words.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";

const target = { name: "RUN", about: "which run; or `group:NAME` for a whole experiment", complete: "run" } as const;

const show = defineCommand({
  name: "show",
  group: "think",
  summary: "what was thought before and after, with every change of it",
  positionals: [target],
  flags: { history: flag.on("every change: when, by whom, what stood there before") },
  examples: [
    ["ml narrative show @last", "the newest run"],
    ["ml narrative show group:bs --history", "an experiment, with all changes"],
  ],
  schemas: {
    "ml.narrative/1":
      "`kind`, `id`, `name`, `user`, `narrative`, `history`, `expectation`, `runs` (of a group: `total`, `verdicts`)",
  },
  async run(context, args) {
    const connection = await context.connect();
    const told = await connection.ask("narrative.get", { target: args.words[0] ?? "" });
    const { output } = context;
    output.result({
      schema: "ml.narrative/1",
      value: () => told,
      ids: () => [told.id],
      rows: () => plainFacts(told.narrative),
      human() {
        const face = faceOf(output, serverNowMs(connection));
        return pageText(narrativePage(told, { face, history: args.flags.history }), output);
      },
    });
    return undefined;
  },
});

const set = defineCommand({
  name: "set",
  group: "think",
  summary: "change fields of one or several runs",
  about: `Fields: ${narrativeFields.map(({ word, about }) => `\`${word}\` (${about.split(";")[0]})`).join(", ")}. \`FIELD=\` with nothing after it empties a field; \`+=\` and \`-=\` add to a list and take from it.`,
  positionals: [
    { name: "RUN FIELD=VALUE", about: "runs or `group:NAME`, then what is to change", many: true, complete: "run" },
  ],
  flags: batchFlags,
  examples: [
    ['ml narrative set @last hypothesis="warmup helps" tags+=warmup', "two fields"],
    ['ml narrative set group:bs intent="how far does the batch size go?"', "of an experiment"],
  ],
  schemas: { "ml.narrative.change/1": changedSchema },
  async run(context, args) {
    const assignments = args.words.filter(isAssignment);
    if (assignments.length === 0)
      throw new MlError("usage", "nothing was given to change", {
        hint: `write \`ml narrative set ${args.words[0] ?? "RUN"} hypothesis="…"\``,
      });
    await changeNarratives(context, changeFromWords(assignments), {
      targets: args.words.filter((word) => !isAssignment(word)),
      ...args.flags,
      schema: "ml.narrative.change/1",
    });
    return undefined;
  },
});

function templateFor(told: Reply<"narrative.get">): string {
  const fields = narrativeFields.filter((field) => told.kind === "run" || field.runOnly !== true);
  const what = told.kind === "run" ? `run ${told.id} (${told.name})` : `group ${told.id}`;
  return templateOf(fields, told.narrative, [`What you think of ${what}.`]);
}

function readEdited(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new MlError("not_found", `the file \`${path}\` cannot be read`, { cause: messageOf(cause) });
  }
}

async function edited(
  context: Context,
  told: Reply<"narrative.get">,
  from: string | null,
): Promise<{ draft: Draft | null; text: string }> {
  if (from !== null) return { draft: null, text: readEdited(from) };
  const name = told.kind === "run" ? shortId(told.id) : "group";
  const again = told.kind === "run" ? shortId(told.id) : `group:${told.id}`;
  const hint = `set EDITOR, or write \`ml narrative set ${again} hypothesis="…"\``;
  const draft = await editText(context, { name, text: templateFor(told), hint });
  return { draft, text: draft.text };
}

const edit = defineCommand({
  name: "edit",
  group: "think",
  summary: "change all fields in your editor",
  about:
    "Opens $VISUAL or $EDITOR on a short template. An unchanged or empty file changes nothing. What cannot be read or saved stays in a file, which is named and can be given again with --from.",
  positionals: [target],
  flags: { from: flag.text("FILE", "take this edited file instead of opening the editor", { complete: "file" }) },
  examples: [["ml narrative edit @last", "the newest run"]],
  schemas: { "ml.narrative.change/1": changedSchema },
  async run(context, args) {
    const connection = await context.connect();
    const told = await connection.ask("narrative.get", { target: args.words[0] ?? "" });
    const { draft, text } = await edited(context, told, args.flags.from);
    const goal = told.kind === "run" ? told.id : `group:${told.id}`;
    let change: NarrativeChange | null;
    try {
      change = changeOf(templateFor(told), text, narrativeFields);
      if (change !== null) {
        const { changed } = await connection.ask("narrative.change", { targets: [goal], change });
        printChanged(context, connection, { schema: "ml.narrative.change/1", changed, dryRun: false });
      } else context.output.say("nothing was changed");
    } catch (cause) {
      throw draft === null
        ? cause
        : draft.kept(cause, `\`ml narrative edit ${goal} --from ${draft.path}\` takes it again`);
    }
    draft?.discard();
    return undefined;
  },
});

export const command = defineCommand({
  name: "narrative",
  group: "think",
  summary: "show and change what you think of a run or a group",
  positionals: [],
  flags: {},
  examples: [],
  actions: { show, set, edit },
  async run() {
    throw new MlError("usage", "`ml narrative` wants an action", {
      hint: "ml narrative show RUN, ml narrative set RUN FIELD=VALUE, ml narrative edit RUN",
    });
  },
});
