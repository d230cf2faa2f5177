/** `ml help [COMMAND [ACTION]]`: the overview, or the page of one command. */
import { MlError } from "../../core/error.ts";
import { nearest } from "../../core/nearest.ts";
import { type Command, type CommandEntry, type Context, defineCommand } from "../command.ts";
import { commandText, overviewText } from "../help-text.ts";

export const command = defineCommand({
  name: "help",
  group: "set up",
  summary: "explain a command",
  brokenConfig: true,
  positionals: [
    {
      name: "COMMAND",
      about: "the command, and its action where it has some",
      optional: true,
      many: true,
      complete: "command",
    },
  ],
  flags: {},
  examples: [
    ["ml help", "all commands"],
    ["ml help key add", "one of them"],
  ],
  schemas: { "ml.help/1": "`commands`: each with `name`, `group`, `summary`; or `text` for one command" },
  async run(context, args) {
    const paint = {
      strong: (text: string) => context.output.paint("strong", text),
      dim: (text: string) => context.output.paint("dim", text),
    };
    const listed = context.table.filter((entry) => !entry.hidden);
    if (args.words.length === 0) {
      context.output.result({
        schema: "ml.help/1",
        value: () => ({ commands: listed.map(({ name, group, summary }) => ({ name, group, summary })) }),
        ids: () => listed.map((entry) => entry.name),
        rows: () => listed.map((entry) => [entry.name, entry.group, entry.summary]),
        human: () => overviewText(context.table, paint),
      });
      return;
    }
    const { found, title } = await findPage(context, args.words);
    const plain = { strong: (text: string) => text, dim: (text: string) => text };
    context.output.result({
      schema: "ml.help/1",
      value: () => ({ text: commandText(found, title, plain) }),
      ids: () => [title],
      rows: () => [[title, found.summary]],
      human: () => commandText(found, title, paint),
    });
  },
});

async function findPage(context: Context, words: readonly string[]): Promise<{ found: Command; title: string }> {
  const [name = "", action] = words;
  const entry: CommandEntry | undefined = context.table.find((one) => one.name === name && !one.hidden);
  if (entry === undefined) {
    const near = nearest(
      name,
      context.table.filter((one) => !one.hidden).map((one) => one.name),
    );
    throw new MlError("usage", `there is no command \`${name}\``, {
      hint: near === null ? "`ml help` lists them" : `did you mean \`ml help ${near}\`?`,
    });
  }
  const { command: outer } = await entry.load();
  if (action === undefined) return { found: outer, title: `ml ${name}` };
  const inner = outer.actions?.[action];
  if (inner === undefined)
    throw new MlError("usage", `\`ml ${name}\` has no \`${action}\``, { hint: `ml help ${name}` });
  return { found: inner, title: `ml ${name} ${action}` };
}
