/** `ml find QUERY`: runs by what they are, what they measured and what people wrote about them. */
import type { Connection } from "../../client/connection.ts";
import { MlError } from "../../core/error.ts";
import { localOffsetMs, readZoneAhead } from "../../core/local-offset.ts";
import { lineText, span } from "../../view/face.ts";
import { findPage, searchLine } from "../../view/find-page.ts";
import { plainRun } from "../../view/run-row.ts";
import { safeText } from "../../view/safe-text.ts";
import { type Arguments, type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";

const flags = {
  limit: flag.number("N", "at most this many; default 20", { short: "n", least: 1, most: 1000, whole: true }),
  sort: flag.text(
    "NAME",
    "newest, oldest, relevance, or a value: runtime, lr, -val_acc (largest first), best:val_acc",
    {
      short: "s",
    },
  ),
  columns: flag.text("NAMES", "more values to show: lr,val_acc,runtime", { short: "c" }),
  note: flag.texts("WORDS", "only runs whose note has these words"),
  user: flag.text("USER", "only this user's runs (`me` is you)", { short: "u" }),
  tag: flag.texts("TAG", "only runs with this tag", { complete: "tag" }),
  group: flag.text("GROUP", "only runs of this group", { complete: "group" }),
  before: flag.text("RUN", "only runs older than this one: the next page", { complete: "run" }),
  count: flag.on("count all that match, not only those shown"),
  literal: flag.on("read no English: bare words are words to look for"),
  explain: flag.on("say what the names and words were taken for"),
  save: flag.text("NAME", "keep the search; `@NAME` in a search stands for it"),
  saved: flag.on("list the searches that you saved"),
  forget: flag.text("NAME", "forget a saved search"),
};

/** A value as one word of a query. */
const quoted = (text: string) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

/** The words as typed, and the flags as terms. */
function queryText({ words, flags: given }: Arguments<typeof flags>): string {
  const parts = [words.join(" ")];
  for (const note of given.note) parts.push(`note~${quoted(note)}`);
  for (const tag of given.tag) parts.push(`tag:${quoted(tag)}`);
  if (given.user !== null) parts.push(`user:${quoted(given.user)}`);
  if (given.group !== null) parts.push(`group:${quoted(given.group)}`);
  const [typed = "", ...terms] = parts;
  return [terms.length > 0 && / or /i.test(typed) ? `(${typed})` : typed, ...terms]
    .filter((one) => one !== "")
    .join(" ");
}

async function listSaved(context: Context, connection: Connection): Promise<undefined> {
  const { searches } = await connection.ask("search.list", {});
  const { output } = context;
  output.result({
    schema: "ml.find.saved/1",
    value: () => ({ searches }),
    ids: () => searches.map(({ name }) => name),
    rows: () => searches.map(({ name, query }) => [name, query]),
    human() {
      if (searches.length === 0) return "No search is saved: `ml find --save NAME QUERY` keeps one.\n";
      const width = Math.max(...searches.map(({ name }) => name.length));
      return searches.map(({ name, query }) => `@${name.padEnd(width)}  ${safeText(query)}\n`).join("");
    },
  });
  return undefined;
}

async function save(context: Context, connection: Connection, wish: { name: string; query: string | null }) {
  if (wish.query === "") {
    throw new MlError("usage", "an empty search needs no name", { hint: `ml find --save ${wish.name} QUERY` });
  }
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(wish.name))
    throw new MlError("usage", `a search cannot be saved as \`${safeText(wish.name)}\``, {
      hint: "its name may have letters from a to z, digits, `-` and `_`, 64 at most",
    });
  const saved = await connection.ask("search.save", wish);
  context.output.result({
    schema: "ml.find.saved/1",
    value: () => ({ searches: saved.query === null ? [] : [saved] }),
    ids: () => [saved.name],
    rows: () => [[saved.name, saved.query]],
    human: () =>
      saved.query === null ? `forgot @${saved.name}\n` : `saved @${saved.name}: ${safeText(saved.query)}\n`,
  });
  return undefined;
}

export const command = defineCommand({
  name: "find",
  group: "think",
  summary: "find runs by what they are, measured, and what was written about them",
  about:
    'Terms narrow down: status:failed gpu:2 since:7d tag:ablation lr>=1e-3 val_acc>0.85 note~warmup verdict:refutes. A name that is no field is a parameter or a metric. Bare words are looked for in everything that was written and in the end of the logs; "a phrase", warm* (beginnings), not, or and parentheses work. Plain English is read by fixed rules and always echoed as the query that it became. Quote the whole, because > and ( mean something to the shell. docs/find.md has the grammar, all fields and all rules.',
  positionals: [
    { name: "QUERY", about: "what to look for; nothing: all runs", many: true, optional: true, complete: "query" },
  ],
  flags,
  examples: [
    ['ml find "failed runs on GPU2 last week"', "plain English, echoed as a query"],
    ["ml find 'status:completed lr>=1e-3 val_acc>0.85' -s best:val_acc", "parameters and metrics, best first"],
    ["ml find --note warmup -c lr,val_acc", "words in notes, with two values"],
    ["ml find --save good 'val_acc>0.9 -tag:broken'", "then: ml find @good since:7d"],
  ],
  schemas: {
    "ml.find/1":
      "`query` (as read), `interpreted`, `columns`, `runs` (each `run` as in ml.status/1, `values` by column, `snippet` with `field`, `text`, `marks`), `next` (for --before), `more`, `total`, `behind`, `explain`, `unmatched` (where nothing was found: the parts that fit no run by themselves)",
    "ml.find.saved/1": "`searches`: each `name`, `query`",
  },
  async run(context, args) {
    const { output } = context;
    if (args.flags.saved) return listSaved(context, await context.connect());
    if (args.flags.forget !== null)
      return save(context, await context.connect(), { name: args.flags.forget, query: null });
    const query = queryText(args);
    if (args.flags.save !== null) return save(context, await context.connect(), { name: args.flags.save, query });
    await readZoneAhead();
    const columns = (args.flags.columns ?? "").split(",").filter((name) => name.trim() !== "");
    const body = {
      ...{ query, limit: args.flags.limit ?? 20, columns: columns.map((name) => name.trim()) },
      ...{ literal: args.flags.literal, count: args.flags.count, explain: args.flags.explain },
      sort: args.flags.sort,
      utc_offset_minutes: Math.round(localOffsetMs(Date.now()) / 60_000),
      ...(args.flags.before === null ? {} : { before: args.flags.before }),
    };
    const connection = await context.connect({ ahead: { name: "find", body } });
    const reply = await connection.ask("find", body);
    const face = faceOf(output, serverNowMs(connection));
    if (output.mode === "plain") output.say(lineText(searchLine(reply, face)));
    if (output.mode !== "human" && reply.behind > 0)
      output.say(lineText([span(`${reply.behind} runs are not searched yet`)]));
    output.result({
      schema: "ml.find/1",
      value: () => reply,
      ids: () => reply.runs.map(({ run }) => run.run_id),
      rows: () =>
        reply.runs.map(({ run, values }) => [
          ...plainRun(run),
          ...reply.columns.map((column) => values[column] ?? null),
        ]),
      human: () => pageText(findPage(reply, face), output),
    });
    return undefined;
  },
});
