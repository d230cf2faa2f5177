/** `npm run check`: the inner loop. Types, lint and format, and the unit tests; no executable, no servers. Under 30 s. */
import { join } from "node:path";
import { type Counts, runSteps, type Step } from "./steps.ts";

const root = join(import.meta.dir, "..");
const bin = join(root, "node_modules/.bin");

const sum: Counts = { passed: 0, failed: 0, skipped: 0 };
const steps: Step[] = [
  { name: "types", cmd: [join(bin, "tsc")] },
  { name: "lint and format", cmd: [join(bin, "biome"), "check", "--error-on-warnings", "."] },
  {
    name: "unit tests",
    cmd: [process.execPath, "test", "--timeout=60000", "./test/tidy.test.ts", "./test/unit"],
    tests: true,
  },
];
await runSteps(root, steps, { lanes: 1, sum });
process.exit(sum.failed === 0 ? 0 : 1);
