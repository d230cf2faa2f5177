/**
 * Copying by OSC 52 (xterm's Operating System Commands) through what stands between us and the terminal. tmux takes a plain
 * sequence for itself and hands it on where `set-clipboard` is on; GNU screen knows none, but passes device control strings on
 * to its terminal, in pieces, since it keeps no long ones.
 */

type Env = Readonly<Record<string, string | undefined>>;

/** Terminals take about 100 kB of base64; beyond that some take nothing. */
const mostBytes = 70_000;
/** screen's own limit for a string is 256 bytes in old versions. */
const pieceLength = 240;

/** What stands between us and the terminal: the inner one, where one runs in the other. */
export function multiplexer({ TMUX, STY, TERM = "" }: Env): "tmux" | "screen" | null {
  if (STY && !TERM.startsWith("tmux")) return "screen";
  return TMUX ? "tmux" : null;
}

/** What is to be written for `text`; null where it is too long. */
export function clipboardText(text: string, inside: "tmux" | "screen"): string | null {
  const bytes = Buffer.from(text);
  if (bytes.length > mostBytes) return null;
  const sequence = `\x1b]52;c;${bytes.toString("base64")}\x07`;
  if (inside === "tmux") return sequence;
  const pieces = sequence.match(new RegExp(`[\\s\\S]{1,${pieceLength}}`, "g")) ?? [];
  return pieces.map((piece) => `\x1bP${piece}\x1b\\`).join("");
}
