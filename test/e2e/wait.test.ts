/** `ml wait` through the executable: the exit code is the answer. */
import { expect, test } from "bun:test";
import { openLab } from "./lab.ts";

test("0 where all succeeded, 5 where one did not, 6 where the time was up", async () => {
  const lab = openLab();
  const good = await lab.queue(["--no-code", "--", "true"]);
  const bad = await lab.queue(["--no-code", "--", "false"]);
  const never = await lab.queue(["--hold", "--no-code", "--", "true"]);
  expect((await lab.ml(["wait", good])).code).toBe(0);
  expect((await lab.ml(["wait", good, bad])).code).toBe(5);
  const late = await lab.ml(["wait", good, never, "--timeout", "200ms", "--json"]);
  expect(late.code).toBe(6);
  expect(JSON.parse(late.stderr)).toMatchObject({ schema: "ml.error/1", error: { code: "timed_out" }, exit_code: 6 });
  const value = JSON.parse((await lab.ml(["wait", good, bad, "--json"])).stdout);
  expect(value).toMatchObject({
    schema: "ml.wait/1",
    runs: [
      { run_id: good, status: "completed" },
      { run_id: bad, status: "failed" },
    ],
  });
  expect((await lab.ml(["wait", "zzzz"])).code).toBe(3);
}, 120_000);

test("--any ends with the first, and a run that is tried again is waited for in its next attempt", async () => {
  const lab = openLab();
  const good = await lab.queue(["--no-code", "--", "true"]);
  const never = await lab.queue(["--hold", "--no-code", "--", "true"]);
  const any = await lab.ml(["wait", "--any", "-q", never, good]);
  expect(any).toMatchObject({ code: 0, stdout: `${good}\n` });
  await lab.ml(["config", "set", "retry_backoff_seconds", "0"]);
  const stubborn = ["--retries", "1", "--no-code", "--", "sh", "-c", 'test "$ML_RESTART_COUNT" = 1'];
  const first = await lab.queue(stubborn);
  const waited = await lab.ml(["wait", "--json", first]);
  expect(waited.code).toBe(0);
  const [last] = JSON.parse(waited.stdout).runs;
  expect(last).toMatchObject({ status: "completed", retried_as: null });
  expect(last.run_id).not.toBe(first);
  const info = JSON.parse((await lab.ml(["info", "--json", first])).stdout);
  expect(info.manifest.lineage.retried_as).toBe(last.run_id);
}, 120_000);
