/** Holding and releasing waiting runs: one request, two commands. */
import type { Context } from "./command.ts";

export async function setHeld(context: Context, runs: string[], held: boolean): Promise<undefined> {
  const connection = await context.connect();
  const reply = await connection.ask("run.hold", { runs, held });
  context.output.result({
    schema: held ? "ml.hold/1" : "ml.release/1",
    value: () => reply,
    ids: () => reply.runs.map((run) => run.run_id),
    rows: () => reply.runs.map((run) => [run.run_id, run.held]),
    human: () => reply.runs.map((run) => `${run.held ? "held" : "released"} ${run.run_id}\n`).join(""),
  });
}
