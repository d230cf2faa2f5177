/** The terminal UI on a real terminal: how it begins, and every way in which it ends. */
import { describe, expect } from "bun:test";
import { openLab } from "../e2e/lab.ts";
import { mlBinary, mlEnv } from "../support/binary.ts";
import { needs } from "../support/require.ts";
import { tempFolder, until } from "../support/temp.ts";
import { openTerminal, type Terminal, type TerminalOptions } from "./tmux.ts";

const root = `${import.meta.dir}/../..`;

/** A lab with one ended run, and the UI open on it. */
async function openUi(options: { command?: string } & Partial<TerminalOptions> = {}) {
  const lab = openLab();
  await lab.queue(["--name", "first", "--hypothesis", "it prints a greeting", "-f", "--", "sh", "-c", "echo hello"]);
  const env = { ...mlEnv({ home: lab.home }), ...options.env };
  const command = options.command ?? `${mlBinary()} monitor; echo "it ended with $?"; exec sleep 1000`;
  const terminal = openTerminal(command, { cwd: lab.project, ...options, env });
  await terminal.sees("it prints a greeting", "● live");
  return { lab, terminal };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Nothing of the screen is left: the alternate screen, the mouse, the hidden cursor. */
function expectRestored(terminal: Terminal): void {
  expect(terminal.ask("#{alternate_on} #{mouse_any_flag} #{cursor_flag}")).toBe("0 0 1");
}

describe("the terminal UI's life", () => {
  needs("tmux")("q leaves the terminal as it was", async () => {
    const { terminal } = await openUi();
    expect(terminal.ask("#{alternate_on} #{mouse_any_flag}")).toBe("1 1");
    terminal.press("q");
    await terminal.sees("it ended with 0");
    expectRestored(terminal);
  });

  needs("tmux")("[C1] SIGTERM, SIGHUP and SIGINT end it, restored, with no orphan left", async () => {
    for (const [signal, code] of [
      ["SIGTERM", 143],
      ["SIGHUP", 129],
      ["SIGINT", 130],
    ] as const) {
      const { terminal } = await openUi({
        command: `sh -c 'echo $$ >pid; exec ${mlBinary()} monitor'; echo "it ended with $?"; exec sleep 1000`,
      });
      const pid = Number(await Bun.file(`${terminal.ask("#{pane_current_path}")}/pid`).text());
      process.kill(pid, signal);
      await terminal.sees(`it ended with ${code}`);
      expectRestored(terminal);
      expect(isAlive(pid)).toBe(false);
    }
  });

  needs("tmux")("[C1] when its terminal is gone the process goes too", async () => {
    const { terminal } = await openUi({ command: `sh -c 'echo $$ >pid; exec ${mlBinary()} monitor'` });
    const pid = Number(await Bun.file(`${terminal.ask("#{pane_current_path}")}/pid`).text());
    terminal.kill();
    await until("the end of the process", () => !isAlive(pid));
  });

  needs("tmux")("[C2] a bug of ours, thrown or rejected, restores the terminal, then says one sentence", async () => {
    for (const kind of ["throw", "reject"]) {
      const script = `${import.meta.dir}/crashing.ts`;
      const command = `sh -c 'echo $$ >pid; exec ${process.execPath} ${script} ${kind}'; echo "it ended with $?"; exec sleep 1000`;
      const cwd = tempFolder();
      const terminal = openTerminal(command, { cwd, env: mlEnv({ home: cwd }) });
      await terminal.sees("batch_size_64", "● live");
      process.kill(Number(await Bun.file(`${cwd}/pid`).text()), "SIGUSR2");
      const screen = await terminal.sees("ml: a bug of ours", "it ended with 70");
      expect(screen).not.toContain("at bug");
      expectRestored(terminal);
    }
  });

  needs("tmux", "bash")("suspended by ctrl+z it comes back by fg, with the same screen", async () => {
    const lab = openLab();
    await lab.queue(["--name", "first", "-f", "--", "true"]);
    const terminal = openTerminal("bash --norc -i", {
      cwd: lab.project,
      env: { ...mlEnv({ home: lab.home }), PS1: "> " },
    });
    terminal.type(`${mlBinary()} monitor\n`);
    await terminal.sees("first", "● live");
    terminal.press("C-z");
    await terminal.sees("Stopped");
    expectRestored(terminal);
    terminal.type("fg\n");
    await terminal.sees("first", "● live");
    expect(terminal.ask("#{alternate_on}")).toBe("1");
  });

  needs("tmux")("[C3] a storm of resizes leaves a whole picture, and a hint where it is too small", async () => {
    const { terminal } = await openUi();
    for (const [columns, rows] of [
      [200, 60],
      [20, 5],
      [1, 1],
      [120, 40],
      [61, 16],
      [50, 20],
    ] as const)
      terminal.resize(columns, rows);
    await terminal.sees("ml needs 60x15");
    terminal.resize(120, 40);
    await terminal.sees("it prints a greeting", "[Overview]", "● live");
  });

  needs("tmux")("[C4] NO_COLOR leaves no colour, and a locale without UTF-8 nothing but ASCII", async () => {
    const { terminal } = await openUi({ env: { NO_COLOR: "1" } });
    expect(terminal.colours()).not.toMatch(/\x1b\[[0-9;]*(3[0-7]|4[0-7]|[34]8;)/);
    const lab = openLab();
    await lab.queue(["--name", "plain", "-f", "--", "true"]);
    const ascii = openTerminal(`${mlBinary()} monitor`, {
      cwd: lab.project,
      env: { ...mlEnv({ home: lab.home }), LANG: "C" },
    });
    expect(await ascii.sees("plain", "* live")).toMatch(/^[\n -~]*$/);
  });

  needs("tmux")("a build without the terminal UI refuses, and builds", async () => {
    const outfile = `${tempFolder()}/ml`;
    const build = Bun.spawnSync([process.execPath, "scripts/build.ts", "--outfile", outfile], {
      cwd: root,
      env: { ...process.env, ML_BUILD_WITHOUT_TUI: "1" },
    });
    expect(build.stderr.toString()).toContain("without the terminal UI");
    expect(build.exitCode).toBe(0);
    const home = tempFolder();
    const terminal = openTerminal(`${outfile} monitor; echo "code $?"; exec sleep 1000`, {
      cwd: home,
      env: mlEnv({ home }),
    });
    await terminal.sees("the terminal UI is not in this build", "hint: ml status --watch", "code 7");
  });
});
