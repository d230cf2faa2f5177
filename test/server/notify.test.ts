/** Being told of ended runs: by a real command and a real webhook, once, with nothing secret in what is said about them. */
import { afterEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { tempFolder, until } from "../support/temp.ts";
import { serve, spec, type TestServer } from "./harness.ts";

let hook: ReturnType<typeof Bun.serve> | null = null;
afterEach(async () => {
  await hook?.stop(true);
  hook = null;
});

/** A webhook that answers with these statuses in turn, the last one for ever. */
function listen(statuses: readonly number[]): { url: string; bodies: { text: string; run: { status: string } }[] } {
  const bodies: { text: string; run: { status: string } }[] = [];
  hook = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      bodies.push((await request.json()) as never);
      const status = statuses[Math.min(bodies.length, statuses.length) - 1] ?? 200;
      return new Response("no", { status, headers: status === 302 ? { location: "http://127.0.0.1:1/" } : {} });
    },
  });
  return { url: `http://127.0.0.1:${hook.port}/secret-token`, bodies };
}

async function run(server: TestServer, argv: string[], extra: object = {}): Promise<string> {
  const { runs } = await server.ask("submit", { runs: [spec({ argv, ...extra })] });
  const runId = runs[0]?.run_id ?? "";
  await server.ask("run.wait", { runs: [runId], timeout_ms: 20_000 });
  return runId;
}

const mark = (server: TestServer, runId: string) => join(server.base, "runs", runId, ".run/notified.json");
const told = (server: TestServer, runId: string) =>
  until("the note that it was told", () => fs.existsSync(mark(server, runId)));

test("[S7] a command gets the words as they are, the facts on stdin, and nothing of ours", async () => {
  const out = join(tempFolder(), "out");
  const script = `cat > "$1"; printf '%s|%s|%s|%s' "$2" "$ML_STATUS" "$ML_FAILURE" "\${ML_API_KEY-none}" > "$1.env"`;
  const command = `sh -c '${script.replaceAll("'", `'\\''`)}' sh ${out} '; touch ${out}.injected $(id)'`;
  const server = await serve({ worker: true, settings: { notify_command: command } });
  const runId = await run(server, ["sh", "-c", "exit 3"], { name: "$(touch injected); `id`" });
  await told(server, runId);
  const said = JSON.parse(fs.readFileSync(out, "utf8"));
  expect(said).toMatchObject({
    schema: "ml.notify/1",
    event: "failed",
    run: { run_id: runId, status: "failed", exit_code: 3 },
  });
  expect(said.text).toContain("code_error");
  expect(fs.readFileSync(`${out}.env`, "utf8")).toBe(`; touch ${out}.injected $(id)|failed|code_error|none`);
  expect(fs.existsSync(`${out}.injected`)).toBe(false);
});

test("a webhook is tried again, and told only of what was asked for", async () => {
  const { url, bodies } = listen([500, 200]);
  const server = await serve({ worker: true, settings: { notify_webhook: url, notify: "failed" } });
  const good = await run(server, ["true"]);
  const quiet = await run(server, ["false"], { notify: "never" });
  const wanted = await run(server, ["true"], { notify: "ended" });
  await told(server, wanted);
  expect(bodies.map((body) => body.run.status)).toEqual(["completed", "completed"]);
  expect(bodies[0]?.text).toContain(wanted);
  for (const runId of [good, quiet]) expect(fs.existsSync(mark(server, runId))).toBe(false);
}, 120_000);

test("[S7] a webhook that cannot be reached is a problem that does not name its URL; redirects are not followed", async () => {
  const { url } = listen([302]);
  const server = await serve({ worker: true, settings: { notify_webhook: url } });
  const runId = await run(server, ["true"]);
  await told(server, runId);
  const { server: state } = await server.ask("status", {});
  expect(state.problems.join()).toContain("answered 302");
  expect(state.problems.join()).not.toContain("secret-token");
  expect(fs.readFileSync(mark(server, runId), "utf8")).not.toContain("secret-token");
}, 120_000);

test("[K5] what ended while no server was up is told at the next start, and what was told is not told again", async () => {
  const { url, bodies } = listen([200]);
  const settings = { notify_webhook: url };
  const server = await serve({ worker: true, settings });
  const runId = await run(server, ["true"]);
  await told(server, runId);
  await server.close();
  const again = await serve({ base: server.base, settings });
  await again.ask("status", {});
  await again.close();
  expect(bodies).toHaveLength(1);
  fs.rmSync(mark(server, runId));
  const third = await serve({ base: server.base, settings });
  await told(third, runId);
  expect(bodies).toHaveLength(2);
});

test("asking to be told where there is no way is refused with what to set", async () => {
  const server = await serve();
  const { error } = await server.try("submit", { runs: [spec({ argv: ["true"], notify: "ended" })] });
  expect(error).toMatchObject({ code: "usage", hint: expect.stringContaining("notify_command") });
  const broken = await serve({ settings: { notify_command: "a 'b" } });
  expect((await broken.ask("status", {})).server.problems.join()).toContain("notify_command");
});
