/** `ml lessons`: what was learned, over all runs and groups or a part of them; before the same thing is learned again. */
import { lessonsPage } from "../../view/memory-pages.ts";
import { visible } from "../../view/safe-text.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";
import { sayRead, scopeFlags, scopeOf } from "../scope-flags.ts";

export const command = defineCommand({
  name: "lessons",
  group: "think",
  summary: "what was learned, by group, tag, person and time",
  positionals: [],
  flags: { ...scopeFlags, next: flag.on("what was meant to be done next, instead") },
  examples: [
    ["ml lessons --tag ablation --since 30d", "of a month"],
    ["ml lessons --group bs --next", "what was left to do"],
  ],
  schemas: {
    "ml.lessons/1":
      "`lessons` (each `text` and `sources`: `kind`, `id`, `name`, `user`, `at`, `verdict`), `looked_at`, `more`",
  },
  async run(context, args) {
    const connection = await context.connect();
    const scope = scopeOf(args.flags, serverNowMs(connection));
    const kind = args.flags.next ? "next_steps" : "learnings";
    const reply = await connection.ask("memory.lessons", { ...scope, kind });
    const { output } = context;
    sayRead(context, reply);
    output.result({
      schema: "ml.lessons/1",
      value: () => reply,
      ids: () => [...new Set(reply.lessons.flatMap(({ sources }) => sources.map(({ id }) => id)))],
      rows: () =>
        reply.lessons.flatMap(({ text, sources }) =>
          sources.map(({ id, user, at, verdict }) => [id, user, at, verdict, visible(text)]),
        ),
      human: () => pageText(lessonsPage(reply.lessons, faceOf(output, serverNowMs(connection))), output),
    });
    if (reply.more) output.say(`looked at the newest ${reply.looked_at} runs only`);
    if (reply.lessons.length === 0 && output.mode === "human")
      output.say(`no run has one; \`ml conclude RUN --${args.flags.next ? "next" : "learned"} "…"\` keeps one`);
    return undefined;
  },
});
