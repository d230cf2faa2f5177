/** P2: from typing the command to the first line of the script, with an idle queue and a snapshot that is known. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { alternately, timed, waitUntil, wallMs } from "./measure.ts";
import { startOurs } from "./ours.ts";
import { nq, taskSpooler } from "./peers.ts";
import type { Row } from "./table.ts";

export const row: Row = {
  id: "P2",
  title: "submit to first line",
  async run(context) {
    const ours = await startOurs(context);
    const [tsp, queue] = [taskSpooler(context), nq(context)];
    const mark = join(context.folder, "mark");
    // bash tells the time itself: no process is started for it.
    const script = ["bash", "-c", 'echo $EPOCHREALTIME >"$1.new" && mv "$1.new" "$1"', "bash", mark];
    const firstLine = async (start: () => void) => {
      rmSync(mark, { force: true });
      const started = wallMs();
      start();
      await waitUntil("the script's mark", () => existsSync(mark), 20_000, 1);
      const ms = Number(readFileSync(mark, "utf8").replace(",", ".")) * 1000 - started;
      await Bun.sleep(60);
      return ms;
    };
    const found = await alternately(
      {
        ours: () => firstLine(() => ours.queue(script)),
        tsp: () => (tsp ? firstLine(() => tsp.submit(script)) : NaN),
        nq: () => (queue ? firstLine(() => queue.submit(script)) : NaN),
        hand: () => firstLine(() => timed(script)),
      },
      context.long ? 60 : 20,
    );
    return [
      {
        ...{ what: "submit to first line", unit: "ms", ours: found.ours, goal: "<= 60 ms" },
        peers: { tsp: tsp && found.tsp, nq: queue && found.nq },
        limit: { name: "by hand", value: found.hand },
        met: found.ours.median <= 60,
      },
    ];
  },
};
