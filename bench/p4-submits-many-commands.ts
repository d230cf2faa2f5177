/** P4: the same runs handed over by one command each. */
import { alternately, timed } from "./measure.ts";
import { startOurs } from "./ours.ts";
import { nq, taskSpooler } from "./peers.ts";
import type { Row } from "./table.ts";

export const row: Row = {
  id: "P4",
  title: "submits by separate commands",
  async run(context) {
    const ours = await startOurs(context);
    ours.queue(["sleep", "600"]);
    const [tsp, queue] = [taskSpooler(context), nq(context)];
    for (const peer of [tsp, queue]) peer?.submit(["sleep", "600"]);
    const batch = context.long ? 100 : 20;
    const perSecond = (submit: () => number) => {
      let ms = 0;
      for (let at = 0; at < batch; at++) ms += submit();
      return (batch / ms) * 1000;
    };
    const found = await alternately(
      {
        ours: () => perSecond(() => ours.queue(["true"]).ms),
        tsp: () => (tsp ? perSecond(() => tsp.submit(["true"]).ms) : NaN),
        noop: () => perSecond(() => timed([context.noop]).ms),
        nq: () => (queue ? perSecond(() => queue.submit(["true"]).ms) : NaN),
      },
      context.long ? 10 : 4,
    );
    return [
      {
        ...{ what: "one command a run", unit: "/s", ours: found.ours, goal: ">= 0.4 x tsp" },
        peers: { tsp: tsp && found.tsp, nq: queue && found.nq },
        limit: { name: "compiled no-op", value: found.noop },
        met: tsp ? found.ours.median >= 0.4 * found.tsp.median : null,
      },
    ];
  },
};
