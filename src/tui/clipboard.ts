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

/** What is to be written for `text` besides what the library writes; null where that is all there is to do. Empty: too long. */
export function clipboardText(text: string, env: Env): string | null {
  if (!env.TMUX && !env.STY) return null;
  const bytes = Buffer.from(text);
  if (bytes.length > mostBytes) return "";
  const sequence = `\x1b]52;c;${bytes.toString("base64")}\x07`;
  // tmux within screen is tmux's affair, which is the inner one.
  if (env.TMUX) return sequence;
  const pieces = sequence.match(new RegExp(`[\\s\\S]{1,${pieceLength}}`, "g")) ?? [];
  return pieces.map((piece) => `\x1bP${piece}\x1b\\`).join("");
}
