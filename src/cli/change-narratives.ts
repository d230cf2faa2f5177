/** Sends a change of narratives and prints what it did, the same for every command that makes one. */
import type { Connection } from "../client/connection.ts";
import { MlError } from "../core/error.ts";
import type { Narrated } from "../protocol/think-requests.ts";
import type { NarrativeChange } from "../think/narrative-change.ts";
import { changedLines } from "../view/narrative-page.ts";
import type { Context } from "./command.ts";
import { faceOf, pageText, serverNowMs } from "./page.ts";

/** The value of every command that changes narratives. */
export const changedSchema =
  "`changed`: each `kind` (run, group), `id`, `name`, `user` and `changes` (`key`, `was`, `value`), and `dry_run`";

export interface Targets {
  targets: readonly string[];
  dryRun: boolean;
}

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

/** Throws `usage` where nothing was named. */
export async function changeNarratives(
  context: Context,
  change: NarrativeChange,
  options: Targets & { schema: string },
): Promise<void> {
  const { targets, dryRun, schema } = options;
  if (targets.length === 0)
    throw new MlError("usage", "no run was named", { hint: "name runs, or a group as `group:NAME`" });
  const connection = await context.connect();
  const { changed } = await connection.ask("narrative.change", { targets: [...targets], change, dry_run: dryRun });
  printChanged(context, connection, { schema, changed, dryRun });
}
