/** `ml __complete -- WORDS…`: what the completion scripts call. Always quick, always exit 0, never a word of complaint. */
import { settings } from "../../config/settings.ts";
import { type Context, defineCommand } from "../command.ts";
import { type Next, nextWords, type Suggestion } from "../next-words.ts";

const patienceMs = 1500;

/** Names of runs that need no server. */
const runWords: Suggestion[] = [
  { word: "@last", about: "the newest run" },
  { word: "@running", about: "what runs" },
  { word: "@failed", about: "the newest that failed" },
];

async function askServer(context: Context, kind: string, current: string): Promise<Suggestion[]> {
  const own = kind === "run" || kind === "live_run" ? runWords.filter((one) => one.word.startsWith(current)) : [];
  const ask = async () => {
    const connection = await context.connect({ start: false, timeoutMs: 1000 });
    const { words } = await connection.ask("complete", { kind: kind as "run", prefix: current }, { timeoutMs: 1000 });
    return words;
  };
  const words = await Promise.race([ask().catch(() => []), Bun.sleep(patienceMs).then(() => [])]);
  return [...own, ...words];
}

async function supply(context: Context, next: Next): Promise<Suggestion[] | ":files" | ":folders"> {
  if ("words" in next) return next.words;
  const { kind, current, prefix } = next;
  if (kind === "file") return ":files";
  if (kind === "folder") return ":folders";
  const words =
    kind === "command"
      ? context.table.filter((entry) => !entry.hidden).map(({ name, summary }) => ({ word: name, about: summary }))
      : kind === "setting"
        ? Object.entries(settings).map(([word, { about }]) => ({ word, about }))
        : await askServer(context, kind, current);
  return words.filter(({ word }) => word.startsWith(current)).map((one) => ({ ...one, word: `${prefix}${one.word}` }));
}

/** Control characters would break the lines, and do worse to a terminal that shows them. */
const clean = (text: string) => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "");

export const command = defineCommand({
  name: "__complete",
  group: "set up",
  summary: "words that may stand next",
  brokenConfig: true,
  script: true,
  positionals: [],
  flags: {},
  examples: [],
  async run(context, args) {
    const found = await nextWords(args.script, context.table).then((next) => supply(context, next));
    if (typeof found === "string") context.output.write(`${found}\n`);
    else {
      const lines = found.map(({ word, about }) => `${clean(word)}${about === null ? "" : `\t${clean(about)}`}\n`);
      context.output.write(lines.join(""));
    }
  },
});
