/** `npm run check`: the inner loop. Types, lint and format, and the unit tests; no executable, no servers. Under 30 s. */
import { join } from "node:path";
import { runSteps } from "./steps.ts";

const root = join(import.meta.dir, "..");
const bin = join(root, "node_modules/.bin");

const results = runSteps(root, [
  { name: "types", cmd: [join(bin, "tsc")] },
  { name: "lint and format", cmd: [join(bin, "biome"), "check", "--error-on-warnings", "."] },
  {
    name: "unit tests",
    cmd: [process.execPath, "test", "--timeout=60000", "./test/tidy.test.ts", "./test/unit"],
    tests: true,
  },
]);
process.exit(results.failed === 0 ? 0 : 1);
