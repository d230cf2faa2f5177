/** How this executable is started as a child of its own: itself, or Bun with the source where that runs. */
import { join } from "node:path";

/** `mode` is the first word, as main.ts knows it: `__data`, `__index`. */
export function ownCommand(mode: string): string[] {
  const compiled = Bun.main.startsWith("/$bunfs/");
  return compiled ? [process.execPath, mode] : [process.execPath, join(import.meta.dir, "..", "main.ts"), mode];
}

/** Gentle to what else the machine does, where the programs for that are there. */
export function gently(command: readonly string[], niceness = 10): string[] {
  // By their paths: what is started may have a PATH of its own.
  const nice = Bun.which("nice");
  const ionice = Bun.which("ionice");
  return [
    ...(nice === null ? [] : [nice, "-n", String(niceness)]),
    ...(ionice === null ? [] : [ionice, "-c", "2", "-n", "7"]),
    ...command,
  ];
}

/** Our environment without what would change how Bun runs our own program. */
export function ownEnvironment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("BUN_")));
}
