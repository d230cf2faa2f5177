/** P1: a thin command from its start to its end, over the local socket, against an executable that does nothing. */
import { alternately, timed } from "./measure.ts";
import { startOurs } from "./ours.ts";
import { taskSpooler } from "./peers.ts";
import type { Line, Row } from "./table.ts";

export const row: Row = {
  id: "P1",
  title: "thin command",
  async run(context) {
    const ours = await startOurs(context);
    ours.queue(["sleep", "600"]);
    const tsp = taskSpooler(context);
    tsp?.submit(["sleep", "600"]);
    const found = await alternately(
      {
        version: () => ours.ml("--version").ms,
        status: () => ours.ml("status").ms,
        queue: () => ours.queue(["true"]).ms,
        noop: () => timed([context.noop]).ms,
        list: () => tsp?.call("-l").ms ?? NaN,
        submit: () => tsp?.submit(["true"]).ms ?? NaN,
      },
      context.long ? 100 : 25,
    );
    const limit = { name: "compiled no-op", value: found.noop };
    const line = (what: string, of: keyof typeof found, peer: keyof typeof found | null): Line => ({
      ...{ what, unit: "ms" as const, ours: found[of], limit, goal: "no-op + 8 ms" },
      peers: peer ? { tsp: tsp ? found[peer] : null } : {},
      met: found[of].median <= found.noop.median + 8,
    });
    return [
      line("--version", "version", null),
      line("status", "status", "list"),
      line("queue, unchanged tree of 41 files", "queue", "submit"),
    ];
  },
};
