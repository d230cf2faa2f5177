/** Runs a list of checks, one or a few at a time, shows what each printed when it ends, and counts: a step without tests counts as one. */

export interface Step {
  name: string;
  cmd: string[];
  /** The step is a `bun test` whose own counts are added up. */
  tests?: boolean;
  env?: Record<string, string>;
}

export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Sums of `bun test`'s closing lines (` 12 pass`, ` 1 fail`, ` 2 skip`); null where it printed none. */
function readCounts(output: string): Counts | null {
  const last = (word: string) => Number([...output.matchAll(new RegExp(`^ *(\\d+) ${word}$`, "gm"))].at(-1)?.[1] ?? 0);
  if (!/^ *\d+ pass$/m.test(output)) return null;
  return { passed: last("pass"), failed: last("fail"), skipped: last("skip") };
}

/** After a step has ended, processes that it left may hold its output open; so long is waited for them. */
const leftOverMs = 5000;

/** All that comes through `stream`, as far as it has come. */
function collect(stream: ReadableStream<Uint8Array>): { text: string; end: Promise<void> } {
  const collected = { text: "", end: Promise.resolve() };
  const decoder = new TextDecoder();
  collected.end = (async () => {
    for await (const chunk of stream) collected.text += decoder.decode(chunk, { stream: true });
  })();
  return collected;
}

async function runStep(root: string, step: Step, sum: Counts): Promise<void> {
  const started = performance.now();
  const run = Bun.spawn({
    cmd: step.cmd,
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...step.env },
  });
  const [stdout, stderr] = [collect(run.stdout), collect(run.stderr)];
  const exitCode = await run.exited;
  const isWhole = await Promise.race([
    Promise.all([stdout.end, stderr.end]).then(() => true),
    Bun.sleep(leftOverMs).then(() => false),
  ]);
  const output = stdout.text + stderr.text;
  const counts = step.tests ? readCounts(output) : null;
  const ok = exitCode === 0;
  if (counts) {
    sum.passed += counts.passed;
    sum.failed += counts.failed + (ok || counts.failed > 0 ? 0 : 1);
    sum.skipped += counts.skipped;
  } else if (ok && !step.tests) sum.passed += 1;
  else sum.failed += 1;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(
    `${ok ? "ok    " : "FAILED"} ${step.name} (${seconds} s)${counts ? `: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped` : ""}\n`,
  );
  if (!isWhole) process.stdout.write("  it left a process behind, which holds its output open\n");
  if (!ok) process.stdout.write(`${output}\n`);
  else for (const line of output.split("\n")) if (line.startsWith("SKIPPED ")) process.stdout.write(`  ${line}\n`);
}

/** Runs the steps in their order, up to `lanes` at a time; adds their counts to `sum`. */
export async function runSteps(root: string, steps: readonly Step[], options: { lanes: number; sum: Counts }) {
  const waiting = [...steps];
  const lane = async () => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) await runStep(root, step, options.sum);
  };
  await Promise.all(Array.from({ length: options.lanes }, lane));
}
