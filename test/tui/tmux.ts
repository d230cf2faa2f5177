/**
 * A real terminal for a test: a tmux server of its own, one window, keys by send-keys, the screen by capture-pane. Waits
 * for what stands on the screen, never for time.
 */
import { afterTest } from "../support/after-test.ts";
import { tempFolder, until } from "../support/temp.ts";

export interface Terminal {
  /** The screen as text. */
  screen(): string;
  /** The screen with its colours. */
  colours(): string;
  /** Presses keys as tmux names them (`Escape`, `C-d`, `l`), each by itself. */
  press(...keys: string[]): void;
  /** Types a text as it is. */
  type(text: string): void;
  /** Waits until the screen has all of these; the screen then. */
  sees(...texts: (string | RegExp)[]): Promise<string>;
  /** Waits until it has none of these. */
  misses(...texts: string[]): Promise<string>;
  /** Waits until somebody copied something; what it is. `set-clipboard` is on. */
  copied(): Promise<string>;
  resize(columns: number, rows: number): void;
  /** What tmux knows of the pane: `#{alternate_on}`. */
  ask(format: string): string;
  /** Pid of the program in the window. */
  pid(): number;
  kill(): void;
}

export interface TerminalOptions {
  columns?: number;
  rows?: number;
  env: Record<string, string>;
  cwd: string;
}

let count = 0;

/** `command` is a line for sh; the window stays when it has ended, so that what it left can be looked at. */
export function openTerminal(command: string, options: TerminalOptions): Terminal {
  const name = `ml-${process.pid}-${count++}`;
  const env: Record<string, string> = { ...options.env, TMUX_TMPDIR: tempFolder(), TERM: "xterm-256color" };
  const tmux = (...words: string[]) => {
    const ran = Bun.spawnSync(["tmux", "-L", name, "-f", "/dev/null", ...words], { env });
    if (ran.exitCode !== 0) throw new Error(`tmux ${words[0]}: ${ran.stderr}`);
    return ran.stdout.toString();
  };
  const { columns = 80, rows = 24 } = options;
  tmux(
    ...["set-option", "-g", "status", "off", ";", "set-option", "-g", "remain-on-exit", "on", ";"],
    ...["set-option", "-s", "set-clipboard", "on", ";"],
    ...["new-session", "-d", "-x", String(columns), "-y", String(rows), "-c", options.cwd, command],
  );
  const server = Number(tmux("display-message", "-p", "#{pid}"));
  // By its pid: the folder with its socket is gone when a test is cleaned up after.
  const kill = () => {
    try {
      process.kill(server, "SIGTERM");
    } catch {
      // It has ended by itself.
    }
  };
  afterTest(kill);
  const terminal: Terminal = {
    screen: () => tmux("capture-pane", "-p"),
    colours: () => tmux("capture-pane", "-p", "-e"),
    press: (...keys) => void tmux("send-keys", ...keys),
    type: (text) => void tmux("send-keys", "-l", text),
    async sees(...texts) {
      let last = "";
      const has = (text: string | RegExp) => (typeof text === "string" ? last.includes(text) : text.test(last));
      await until("the screen", () => {
        last = terminal.screen();
        return texts.every(has);
      }).catch(() => {
        throw new Error(`the screen never had ${texts.filter((text) => !has(text)).join(" and ")}:\n${last}`);
      });
      return last;
    },
    async misses(...texts) {
      let last = "";
      await until("the screen", () => {
        last = terminal.screen();
        return !texts.some((text) => last.includes(text));
      }).catch(() => {
        throw new Error(`the screen kept ${texts.filter((text) => last.includes(text)).join(" and ")}:\n${last}`);
      });
      return last;
    },
    async copied() {
      const buffers = () => tmux("list-buffers", "-F", "#{buffer_sample}");
      await until("a copied text", () => buffers() !== "");
      return tmux("show-buffer");
    },
    resize: (width, height) => void tmux("resize-window", "-x", String(width), "-y", String(height)),
    ask: (format) => tmux("display-message", "-p", format).trim(),
    pid: () => Number(tmux("display-message", "-p", "#{pane_pid}")),
    kill,
  };
  return terminal;
}
