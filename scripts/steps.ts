/** Runs a list of checks one after the other, shows what they print, and counts: a step without tests counts as one. */

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

export function runSteps(root: string, steps: readonly Step[]): Counts {
  const sum: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const step of steps) {
    const started = performance.now();
    const run = Bun.spawnSync({
      cmd: step.cmd,
      cwd: root,
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, ...step.env },
    });
    const output = run.stdout.toString() + run.stderr.toString();
    const counts = step.tests ? readCounts(output) : null;
    const ok = run.exitCode === 0;
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
    if (!ok) process.stdout.write(`${output}\n`);
    else for (const line of output.split("\n")) if (line.startsWith("SKIPPED ")) process.stdout.write(`  ${line}\n`);
  }
  return sum;
}
