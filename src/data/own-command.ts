/** How this executable is started as a child that works on data: itself, or Bun with the source where that runs. */
import { join } from "node:path";

export function ownCommand(): string[] {
  const compiled = Bun.main.startsWith("/$bunfs/");
  return compiled ? [process.execPath, "__data"] : [process.execPath, join(import.meta.dir, "..", "main.ts"), "__data"];
}
