/** The server with its own worker: from submission to the sealed record, and what a queue that is away costs. */
import { expect, test } from "bun:test";
import { MlError } from "../../src/core/error.ts";
import { basePaths } from "../../src/run/paths.ts";
import { isSealed } from "../../src/run/store.ts";
import { until } from "../support/temp.ts";
import { queued, serve, spec } from "./harness.ts";

test("a run goes from submission to its sealed end, and every step is heard", async () => {
  const server = await serve({ worker: true, settings: { worker_name: "w", slots: 2 } });
  const client = await server.connect();
  await client.ask("subscribe", {});
  const { runs } = await client.ask("submit", {
    runs: [spec({ argv: ["sh", "-c", "echo epoch 1/2; echo out; exit 3"] })],
  });
  const runId = runs[0]?.run_id ?? "";
  const { done, runs: ended } = await client.ask("run.wait", { runs: [runId], timeout_ms: 30_000 });
  expect(done).toBe(true);
  expect(ended[0]).toMatchObject({ status: "failed", exit_code: 3 });
  const steps = client.events.flatMap(({ event }) =>
    event.kind === "run" && event.run.run_id === runId ? [event.run.status] : [],
  );
  expect([...new Set(steps)].at(-1)).toBe("failed");
  expect((await client.ask("log.read", { run: runId })).data).toBe("epoch 1/2\nout\n");
  await until("the seal", () => isSealed(basePaths(server.base).run(runId)));
  expect((await client.ask("status", {})).workers[0]?.worker).toBe("w");
});

test("[Q11 P2] a running script that is cancelled ends as cancelled, once", async () => {
  const server = await serve({ worker: true, settings: { worker_name: "w" } });
  const runId = await queued(server, {
    argv: ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"],
    grace_seconds: 0.5,
  });
  await until("the script to be up", async () => (await server.ask("log.read", { run: runId })).data === "up\n");
  const answers = await Promise.all([1, 2, 3].map(() => server.ask("run.cancel", { runs: [runId], reason: "enough" })));
  expect(answers.every(({ runs }) => runs[0]?.stopping)).toBe(true);
  const { runs } = await server.ask("run.wait", { runs: [runId], timeout_ms: 30_000 });
  expect(runs[0]?.status).toBe("cancelled");
  expect((await server.ask("run.cancel", { runs: [runId] })).runs[0]).toMatchObject({
    status: "cancelled",
    stopping: false,
  });
});

test("a queue that cannot be reached costs no acknowledged run: it is told, and filled when it is back", async () => {
  const server = await serve();
  const { queue } = server.services;
  const add = queue.add.bind(queue);
  queue.add = async () => {
    throw new MlError("try_later", "the queue is away");
  };
  const runId = await queued(server);
  expect((await server.ask("status", {})).server.problems.join()).toContain("the queue is away");
  expect(await queue.count()).toBe(0);
  queue.add = add;
  await until("the run to be in the line", async () =>
    (await queue.waiting(10, true)).some((entry) => entry.runId === runId),
  );
  await until("the problem to be over", async () => (await server.ask("status", {})).server.problems.length === 0);
});
