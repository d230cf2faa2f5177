/**
 * `npm test`: everything a contributor must know about. Types, lint, tidy, then each folder of test/ as a step of its
 * own, two steps at a time, the end-to-end ones against freshly built executables. Ends with `N passed, N failed`.
 */
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
/** What the tests stand on, and what needs no executable. */
const first: Step[] = [
  { name: "build dist/ml", cmd: [bun, "scripts/build.ts"] },
  { name: "types", cmd: [join(bin, "tsc")] },
  { name: "build dist/ml-faults", cmd: [bun, "scripts/build.ts", "--faults"] },
  { name: "lint and format", cmd: [join(bin, "biome"), "check", "--error-on-warnings", "."] },
  { name: "generated docs are current", cmd: [bun, "scripts/docs.ts", "--check"] },
  tests("tidy.test.ts", 20_000),
];
/** The longest first, so that no lane is left with one at the end. */
const folders = [
  "e2e",
  "restart",
  "queue",
  "worker",
  "faults",
  "server",
  "chaos",
  "tui",
  "unit",
  "transfer",
  "mounts",
  "capture",
  "python",
];
const wanted = process.argv.slice(2);
const chosen = (steps: readonly Step[]) =>
  wanted.length === 0 ? steps : steps.filter((step) => wanted.some((word) => step.name.includes(word)));
// Most tests wait for processes more than they compute, so two folders share the time of one.
const lanes = 2;
const sum: Counts = { passed: 0, failed: 0, skipped: 0 };
await runSteps(root, chosen(first), { lanes, sum });
await runSteps(root, chosen(folders.map((name) => tests(name, 120_000))), { lanes, sum });
process.stdout.write(
  `${sum.skipped > 0 ? `${sum.skipped} skipped (named above)\n` : ""}${sum.passed} passed, ${sum.failed} failed\n`,
);
process.exit(sum.failed === 0 && sum.passed > 0 ? 0 : 1);
