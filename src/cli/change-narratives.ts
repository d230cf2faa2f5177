/** Sends a change of narratives and prints what it did, the same for every command that makes one. */
import type { Connection } from "../client/connection.ts";
import { MlError } from "../core/error.ts";
import { localOffsetMs } from "../core/local-offset.ts";
import type { Narrated } from "../protocol/think-requests.ts";
import type { NarrativeChange } from "../think/narrative-change.ts";
import { changedLines } from "../view/narrative-page.ts";
import type { Context } from "./command.ts";
import { flag } from "./flags.ts";
import { faceOf, pageText, sayPage, serverNowMs, talkFace } from "./page.ts";
import { sayRead } from "./scope-flags.ts";

/** The value of every command that changes narratives. */
export const changedSchema =
  "`changed`: each `kind` (run, group), `id`, `name`, `user` and `changes` (`key`, `was`, `value`), and `dry_run`";

export interface Targets {
  targets: readonly string[];
  /** A search, in place of names: what it would change is shown, and asked about. */
  where: string | null;
  dryRun: boolean;
  yes: boolean;
  schema: string;
}

/** Flags of the commands that change several runs at once. */
export const batchFlags = {
  where: flag.text("QUERY", "of your runs those that a search means, as `ml find` takes it", { complete: "query" }),
  dryRun: flag.on("say what would change, and change nothing", { short: "n" }),
  yes: flag.on("do not ask", { short: "y" }),
};

export function printChanged(
  context: Context,
  connection: Connection,
  options: { schema: string; changed: readonly Narrated[]; dryRun: boolean },
): void {
  const { schema, changed, dryRun } = options;
  const { output } = context;
  const face = faceOf(output, serverNowMs(connection));
  output.result({
    schema,
    value: () => ({ changed, dry_run: dryRun }),
    ids: () => changed.map((one) => one.id),
    rows: () =>
      changed.flatMap((one) =>
        one.changes.map(({ key, was, value }) => [one.id, key, JSON.stringify(was), JSON.stringify(value)]),
      ),
    human: () =>
      pageText(
        changed.flatMap((one) => changedLines(one, face)),
        output,
      ),
  });
  if (dryRun) output.say("nothing was changed: this was a preview");
}

const shownChanges = 10;

/** The preview is what is changed: the runs that it names, not those that the search would mean a moment later. */
async function changeSearched(
  context: Context,
  change: NarrativeChange,
  options: Omit<Targets, "where"> & { connection: Connection; where: string },
): Promise<void> {
  const { connection, where, dryRun, yes, schema } = options;
  const { output } = context;
  const offset = localOffsetMs(serverNowMs(connection)) / 60_000;
  const ask = { where, utc_offset_minutes: offset, change, dry_run: true };
  const preview = await connection.ask("narrative.change", ask);
  sayRead(context, preview);
  const changing = preview.changed.filter((one) => one.changes.length > 0);
  const rest = preview.changed.length - changing.length;
  const others = preview.left_alone === 0 ? "" : `; ${preview.left_alone} of other people are left alone`;
  output.say(
    `${preview.changed.length} of your runs match, ${changing.length} would change${rest > 0 ? `, ${rest} are so already` : ""}${others}`,
  );
  if (dryRun || changing.length === 0) {
    printChanged(context, connection, { schema, changed: changing, dryRun });
    return;
  }
  if (!yes) {
    const face = talkFace(context, serverNowMs(connection));
    sayPage(
      context,
      changing.slice(0, shownChanges).flatMap((one) => changedLines(one, face)),
    );
    if (changing.length > shownChanges) output.say(`and ${changing.length - shownChanges} more`);
    if (!context.terminal.stdin || !context.terminal.stderr)
      throw new MlError("usage", `this would change ${changing.length} runs, and there is no terminal to ask on`, {
        hint: "add `--yes`, or `-n` to see all of it",
      });
    if (!(await context.confirm(`change ${changing.length} ${changing.length === 1 ? "run" : "runs"}?`))) {
      output.say("nothing was changed");
      return;
    }
  }
  const { changed } = await connection.ask("narrative.change", { targets: changing.map((one) => one.id), change });
  printChanged(context, connection, { schema, changed, dryRun: false });
}

/** Throws `usage` where nothing was named. */
export async function changeNarratives(context: Context, change: NarrativeChange, options: Targets): Promise<void> {
  const { targets, where, dryRun, schema } = options;
  if (targets.length === 0 && where === null)
    throw new MlError("usage", "no run was named", {
      hint: "name runs, a group as `group:NAME`, or search with `--where`",
    });
  if (targets.length > 0 && where !== null)
    throw new MlError("usage", "runs were named, and `--where` searches for others", { hint: "leave one of them out" });
  const connection = await context.connect();
  if (where !== null) {
    await changeSearched(context, change, { connection, ...options, where });
    return;
  }
  const { changed } = await connection.ask("narrative.change", { targets: [...targets], change, dry_run: dryRun });
  printChanged(context, connection, { schema, changed, dryRun });
}
