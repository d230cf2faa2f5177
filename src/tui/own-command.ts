/** Running our own commands from the screen: same executable, same server and key; beside it, or on its terminal while it steps aside. */
import type { CommandResult } from "./desk.ts";

/** The executable, or the interpreter with our main file where we run from source. */
function ourselves(): string[] {
  return Bun.main.startsWith("/$bunfs/") ? [process.execPath] : [process.execPath, Bun.main];
}

interface Place {
  cwd: string;
  /** What was said on our own command line, as variables. */
  env: Readonly<Record<string, string | undefined>>;
}

/** The whole text of a stream; `onLine` gets each line, and each state of a progress line, as it comes. */
async function textOf(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<string> {
  const decoder = new TextDecoder();
  let all = "";
  for await (const chunk of stream) {
    const piece = decoder.decode(chunk, { stream: true });
    all += piece;
    const last = piece.split(/[\r\n]/).findLast((line) => line.trim() !== "");
    if (last !== undefined) onLine(last.trim());
  }
  return all;
}

/** With nothing of the terminal; `onTalk` gets what it says on the way. */
export async function runOwnCommand(
  words: readonly string[],
  { cwd, env, onTalk = () => {} }: Place & { onTalk?: ((text: string) => void) | undefined },
): Promise<CommandResult> {
  const child = Bun.spawn({
    cmd: [...ourselves(), ...words],
    cwd,
    env: { ...env, NO_COLOR: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), textOf(child.stderr, onTalk)]);
  return { code: await child.exited, stdout, stderr };
}

/** Waits for a key where it was wished for, or something went wrong: what the command said is gone with the next picture. */
const script = `pause=$1; shift; trap : INT; "$@"; code=$?
if [ "$pause" = always ] || [ "$code" -ne 0 ]; then printf '\\n-- enter goes back to ml -- '; read -r _; fi
exit "$code"`;

/** On the terminal, which is nobody else's until it ends. Resolves with its exit code. */
export async function lendTerminal(
  words: readonly string[],
  { cwd, env, pause }: Place & { pause: "always" | "on failure" },
): Promise<number> {
  const child = Bun.spawn({
    cmd: ["/bin/sh", "-c", script, "ml", pause, ...ourselves(), ...words],
    cwd,
    env: { ...env },
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  });
  return child.exited;
}
