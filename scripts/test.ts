/**
 * `npm test`: everything a contributor must know about. Types, lint, tidy, then each folder of test/ as a step of its
 * own, the end-to-end ones against freshly built executables. Ends with `N passed, N failed`.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Counts, runSteps, type Step } from "./steps.ts";

const root = join(import.meta.dir, "..");
const bin = join(root, "node_modules/.bin");
const bun = process.execPath;

const tests = (name: string, timeoutMs: number): Step => ({
  name: `test/${name}`,
  cmd: [bun, "test", `--timeout=${timeoutMs}`, `./test/${name}`],
  tests: true,
});
const steps: Step[] = [
  { name: "types", cmd: [join(bin, "tsc")] },
  { name: "lint and format", cmd: [join(bin, "biome"), "check", "--error-on-warnings", "."] },
  { name: "generated docs are current", cmd: [bun, "scripts/docs.ts", "--check"] },
  { name: "build dist/ml", cmd: [bun, "scripts/build.ts"] },
  { name: "build dist/ml-faults", cmd: [bun, "scripts/build.ts", "--faults"] },
  tests("tidy.test.ts", 20_000),
  ...["unit", "queue", "python", "capture", "transfer", "worker", "server", "e2e", "tui", "faults", "restart", "chaos"]
    .filter((name) => existsSync(join(root, "test", name)))
    .map((name) => tests(name, 120_000)),
];
const wanted = process.argv.slice(2);
const counts: Counts = runSteps(
  root,
  wanted.length === 0 ? steps : steps.filter((step) => wanted.some((word) => step.name.includes(word))),
);
process.stdout.write(
  `${counts.skipped > 0 ? `${counts.skipped} skipped (named above)\n` : ""}${counts.passed} passed, ${counts.failed} failed\n`,
);
process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);
