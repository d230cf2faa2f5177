/**
 * Clean-up that belongs to the running test, last thing first, also for tests that fail or time out. A support module's
 * own `afterEach` would count only for the first test file that imports it, since modules are loaded once a process.
 */
import { onTestFinished } from "bun:test";

let acts: (() => unknown)[] | null = null;

/** Outside a test (in `beforeAll`, or while a file is loaded) the act waits for the end of the process and must be synchronous. */
export function afterTest(act: () => unknown): void {
  if (acts === null) {
    const own: (() => unknown)[] = [];
    try {
      onTestFinished(async () => {
        acts = null;
        for (const one of own.reverse()) await one();
      });
    } catch {
      process.on("exit", () => void act());
      return;
    }
    acts = own;
  }
  acts.push(act);
}
