/** All metric points of a run, page after page, each page thinned by the server where it is very long. */
import type { Connection } from "../client/connection.ts";
import type { Point } from "../view/metric.ts";

export async function readPoints(
  connection: Connection,
  run: string,
  names?: readonly string[],
): Promise<{ runId: string; points: Point[]; thinned: boolean }> {
  const points: Point[] = [];
  const wanted = names === undefined || names.length === 0 ? {} : { names: [...names] };
  let after = 0;
  let passiveAfter = 0;
  let thinned = false;
  for (;;) {
    const reply = await connection.ask("metrics.read", { run, after, passive_after: passiveAfter, ...wanted });
    for (const point of reply.points) points.push(point);
    thinned ||= reply.thinned;
    if (reply.next <= after && reply.passive_next <= passiveAfter) return { runId: reply.run_id, points, thinned };
    after = Math.max(after, reply.next);
    passiveAfter = Math.max(passiveAfter, reply.passive_next);
    run = reply.run_id;
  }
}
