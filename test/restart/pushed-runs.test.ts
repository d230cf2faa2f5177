/** A run on its way to another server while one of the two servers is killed: said in one sentence, and the same command goes on. */
import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { planRuns, pushRuns } from "../../src/cli/push-runs.ts";
import { connect } from "../../src/client/connect.ts";
import type { Connection } from "../../src/client/connection.ts";
import { parseTarget } from "../../src/client/target.ts";
import { MlError } from "../../src/core/error.ts";
import type { CarriedRun } from "../../src/view/bundle-page.ts";
import { museum, withArtifact } from "../support/museum.ts";
import { type Served, serveFrom, sumTrouble } from "../support/served.ts";
import { tempFolder, until } from "../support/temp.ts";

const opened: Served[] = [];
const links: Connection[] = [];
afterEach(async () => {
  for (const link of links.splice(0)) link.close();
  for (const served of opened.splice(0)) await served.end();
});

const args = ["server", "--no-worker", "--listen", "127.0.0.1:0"];

async function serving(base?: string): Promise<Served> {
  const served = serveFrom(tempFolder("ml-pushed-"), base === undefined ? {} : { ML_WORKER_BASE: base });
  opened.push(served);
  await served.start({ args });
  return served;
}

async function linkTo(served: Served): Promise<Connection> {
  const { socket } = JSON.parse(readFileSync(join(served.base.base, "server.json"), "utf8"));
  const target = parseTarget(socket, { key: null, ca: null });
  const link = await connect(async () => target, { transport: "auto", warn: () => {} });
  links.push(link);
  return link;
}

/** What `ml push RUN --to` does, with less patience. */
async function push(
  first: Served,
  second: Served,
  { runId, bytesPerSecond }: { runId: string; bytesPerSecond: number | null },
) {
  const [from, to] = [await linkTo(first), await linkTo(second)];
  const settled: CarriedRun[] = [];
  const wish = { runIds: [runId], level: "all" as const, artifacts: [], bytesPerSecond };
  const { sentBytes } = await pushRuns({} as never, {
    ...{ from, to, runs: await planRuns(from, wish) },
    wish: {
      ...wish,
      signal: new AbortController().signal,
      patience: { pauseMs: 10, awayMs: 200 },
      onRun: (run) => settled.push(run),
      onProgress: () => {},
    },
  });
  return { sentBytes, settled };
}

/** So that what is killed is in the midst of it: more than what fits into the buffers on the way is yet to come. */
const slowly = 1_000_000;

describe("a run on its way to another server", () => {
  test.each(["the other server", "one's own server"] as const)(
    "[K1 N5] %s is killed: it says whose connection was lost, nothing half is there, and after its start the run comes there once, whole",
    async (which) => {
      const base = museum("format-1");
      const { runId } = withArtifact(base, 24_000_000);
      const [here, there] = await Promise.all([serving(base.base), serving()]);
      const killed = which === "the other server" ? there : here;
      const pushing = push(here, there, { runId, bytesPerSecond: slowly }).catch((cause: unknown) => cause);
      const { staging } = there.base;
      const isComing = () =>
        readdirSync(staging).some((name) => existsSync(join(staging, name, "runs", runId, "work/big.bin")));
      await until("its artifact to come", isComing);
      expect(there.runIds()).toEqual([]);
      await killed.killAll();
      const error = (await pushing) as MlError;
      expect(error).toBeInstanceOf(MlError);
      expect(error.message).toBe(
        `the connection to ${which.replace("one's", "your")} was lost while run \`${runId}\` was pushed`,
      );
      expect(error.exitCode).toBe(69);
      expect(there.runIds()).toEqual([]);

      await killed.start({ args });
      expect(there.runIds()).toEqual([]);
      for (const state of ["pushed", "there_already"]) {
        const { settled } = await push(here, there, { runId, bytesPerSecond: null });
        expect(settled).toMatchObject([{ run_id: runId, there_as: runId, state }]);
      }
      expect(there.runIds()).toEqual([runId]);
      expect(sumTrouble(there.base.run(runId))).toBe("");
      expect(await there.ask<object>("run.validate", { run: runId })).toMatchObject({ valid: true });
      await until("what was left over to be swept", () => readdirSync(staging).length === 0);
    },
  );
});
