/** Holding and releasing waiting runs: one request, two commands. */
import { MlError } from "../core/error.ts";
import type { Context } from "./command.ts";
import { flag } from "./flags.ts";

export const holdingFlags = {
  group: flag.text("GROUP", "all runs of the group that you may change", { complete: "group" }),
  reason: flag.text("TEXT", "why, for the record", { short: "m" }),
} as const;

export interface Holding {
  runs: string[];
  group: string | null;
  reason: string | null;
}

export async function setHeld(context: Context, { runs, group, reason }: Holding, held: boolean): Promise<undefined> {
  const verb = held ? "hold" : "release";
  if (runs.length === 0 && group === null) {
    throw new MlError("usage", `\`ml ${verb}\` wants a run or a group`, {
      hint: `name a run (\`ml ${verb} @last\`) or give \`--group GROUP\``,
    });
  }
  const connection = await context.connect();
  const reply = await connection.ask("run.hold", { runs, group, held, reason });
  context.output.result({
    schema: held ? "ml.hold/1" : "ml.release/1",
    value: () => reply,
    ids: () => reply.runs.map((run) => run.run_id),
    rows: () => reply.runs.map((run) => [run.run_id, run.held]),
    human: () => reply.runs.map((run) => `${run.held ? "held" : "released"} ${run.run_id}\n`).join(""),
  });
}
