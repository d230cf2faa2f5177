/**
 * Tests that need a system package say so by `needs`. Where it is missing the test is skipped loudly, by name and
 * reason; in CI (`CI=true`) that is a failure.
 */
import { test } from "bun:test";

/** `test` where every program is on PATH; otherwise a test that skips loudly, or fails in CI. */
export function needs(...programs: string[]): typeof test {
  const missing = programs.filter(
    (program) => Bun.which(program, { PATH: `${process.env.PATH}:/usr/sbin:/sbin` }) === null,
  );
  if (missing.length === 0) return test;
  const reason = `${missing.join(", ")} not installed`;
  const replaced = (name: string) => {
    if (process.env.CI === "true") {
      test(name, () => {
        throw new Error(`cannot run in CI: ${reason}`);
      });
    } else {
      console.log(`SKIPPED ${name}: ${reason}`);
      test.skip(name, () => {});
    }
  };
  return replaced as unknown as typeof test;
}
