/**
 * Asking before something is done to runs: one's own single run needs no question; others' runs, or several, are
 * named and asked about on a terminal, and want `--yes` everywhere else.
 */
import type { Connection } from "../client/connection.ts";
import { MlError } from "../core/error.ts";
import type { Reply } from "../protocol/requests.ts";
import { safeText } from "../view/safe-text.ts";
import type { Context } from "./command.ts";

export interface Question {
  /** The verb: `cancel`, `delete`. */
  verb: string;
  /** What was typed, for the hint. */
  words: readonly string[];
  yes: boolean;
  /** Ask for one's own single run as well. */
  always?: boolean;
  /** More about what would happen, such as `frees 1.2 GB`. */
  detail?: string;
}

/** Ids of all that the words name; throws what the server says of unknown and ambiguous ones. */
export async function chosenRuns(connection: Connection, words: readonly string[]): Promise<string[]> {
  const { run_ids: runIds } = await connection.ask("run.resolve", { runs: [...words], many: true });
  return [...new Set(runIds)];
}

/** So many runs are taken from a search at most. */
const searchedRuns = 1000;

/** Ids of the runs that a search means, newest first; what was read of it is said. Throws `usage` for a search that is none. */
export async function searchedIds(context: Context, query: string): Promise<string[]> {
  const connection = await context.connect();
  const found: string[] = [];
  let before: string | undefined;
  do {
    const page: Reply<"find"> = await connection.ask("find", {
      query,
      limit: 200,
      ...(before === undefined ? {} : { before }),
    });
    if (found.length === 0) context.output.say(`query: ${safeText(page.query)}`);
    found.push(...page.runs.map(({ run }) => run.run_id));
    before = page.next ?? undefined;
  } while (before !== undefined && found.length < searchedRuns);
  return found;
}

async function whose(connection: Connection, runId: string): Promise<{ name: string; user: string }> {
  const { summary } = await connection.ask("run.get", { run: runId });
  return { name: summary.name, user: summary.user };
}

/** True where it may be done; false where the answer was no. Throws `usage` where there is nobody to ask. */
export async function maySo(context: Context, runIds: readonly string[], question: Question): Promise<boolean> {
  if (question.yes) return true;
  const connection = await context.connect();
  const [only] = runIds;
  const single = runIds.length === 1 && only !== undefined ? await whose(connection, only) : null;
  const own = single !== null && single.user === connection.hello.user;
  if (own && question.always !== true) return true;
  const what =
    single === null
      ? `${runIds.length} runs`
      : `${only} (${safeText(single.name)}${own ? "" : `, of ${safeText(single.user)}`})`;
  const detail = question.detail === undefined ? "" : `: ${question.detail}`;
  if (!context.terminal.stdin || !context.terminal.stderr) {
    throw new MlError("usage", `this would ${question.verb} ${what}${detail}, and there is no terminal to ask on`, {
      hint: `add \`--yes\`: \`ml ${question.verb} ${question.words.join(" ")} --yes\``,
    });
  }
  if (single === null) for (const runId of runIds.slice(0, 20)) context.output.say(`  ${runId}`);
  if (runIds.length > 20) context.output.say(`  and ${runIds.length - 20} more`);
  return context.confirm(`${question.verb} ${what}${detail}?`);
}

/** Asks before many runs are queued again. Throws `usage` where there is nobody to ask. */
export async function mayQueueAgain(context: Context, runIds: readonly string[], yes: boolean): Promise<boolean> {
  if (yes) return true;
  if (!context.terminal.stdin || !context.terminal.stderr) {
    throw new MlError("usage", `this would queue ${runIds.length} runs again, and there is no terminal to ask on`, {
      hint: "add `--yes`, or look first with `--dry-run`",
    });
  }
  for (const runId of runIds.slice(0, 20)) context.output.say(`  ${runId}`);
  if (runIds.length > 20) context.output.say(`  and ${runIds.length - 20} more`);
  return context.confirm(`queue ${runIds.length} runs again?`);
}
