/** `ml tag add·remove TAG RUN…`: labels of runs, and of groups. */
import { MlError } from "../../core/error.ts";
import { batchFlags, changedSchema, changeNarratives } from "../change-narratives.ts";
import { type Command, defineCommand } from "../command.ts";
import { splitTags } from "../submission.ts";

function tagCommand(name: "add" | "remove", words: { summary: string; example: readonly [string, string] }): Command {
  return defineCommand({
    name,
    group: "think",
    summary: words.summary,
    positionals: [
      { name: "TAG", about: "a label; several by commas", complete: "tag" },
      { name: "RUN", about: "which runs; or `group:NAME`", optional: true, many: true, complete: "run" },
    ],
    flags: batchFlags,
    examples: [
      words.example,
      [`ml tag ${name} ablation --where "group:bs since:7d"`, "all that a search means, after a look"],
    ],
    schemas: { "ml.tag/1": changedSchema },
    async run(context, args) {
      const [first = "", ...targets] = args.words;
      const tags = splitTags([first]);
      if (tags.length === 0) throw new MlError("usage", "the tag is empty");
      await changeNarratives(context, { [name]: { tags } }, { targets, ...args.flags, schema: "ml.tag/1" });
      return undefined;
    },
  });
}

const add = tagCommand("add", {
  summary: "put a label on runs",
  example: ["ml tag add ablation,warmup @last @last~1", "two labels on two runs"],
});
const remove = tagCommand("remove", {
  summary: "take a label from runs",
  example: ["ml tag remove debug @last", "from the newest run"],
});

export const command = defineCommand({
  name: "tag",
  group: "think",
  summary: "put labels on runs and take them away",
  positionals: [],
  flags: {},
  examples: [],
  actions: { add, remove },
  async run() {
    throw new MlError("usage", "`ml tag` wants an action", { hint: "ml tag add TAG RUN…, ml tag remove TAG RUN…" });
  },
});
