/** Running one of our own commands beside the screen: same executable, same server and key, nothing of the terminal. */
import type { CommandResult } from "./desk.ts";

/** The executable, or the interpreter with our main file where we run from source. */
function ourselves(): string[] {
  return Bun.main.startsWith("/$bunfs/") ? [process.execPath] : [process.execPath, Bun.main];
}

/** `env`: what was said on our own command line, as variables. */
export async function runOwnCommand(
  words: readonly string[],
  options: { cwd: string; env: Readonly<Record<string, string | undefined>> },
): Promise<CommandResult> {
  const child = Bun.spawn({
    cmd: [...ourselves(), ...words],
    cwd: options.cwd,
    env: { ...options.env, NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, stdout, stderr };
}
