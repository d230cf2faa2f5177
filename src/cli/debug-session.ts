/**
 * A debugging session on this machine: the run's command under pdb, or a shell, in a folder of its own, on the terminal in
 * which it was typed. It is no run: nothing of it is recorded, and nothing of the run that it looks at is changed.
 */
import * as fs from "node:fs";
import { join, relative } from "node:path";
import type { Connection } from "../client/connection.ts";
import { quoteCommand, quoteWord } from "../core/shell-quote.ts";
import { shortId } from "../view/mark.ts";
import { safeText } from "../view/safe-text.ts";
import type { Context } from "./command.ts";
import { layOut, type SessionFolder } from "./debug-folder.ts";
import type { DebugPlan, FailingLine } from "./debug-plan.ts";
import { differences, requireProgram, underShebang } from "./debug-program.ts";
import { type Launched, moved, sessionEnvironment } from "./debug-surroundings.ts";
import type { Source } from "./derived-run.ts";
import { writeFork } from "./fork-file.ts";

export interface SessionWish {
  source: Source;
  launched: Launched;
  failing: FailingLine | null;
  /** From the work folder and the arguments as they will be. */
  planFor(argv: string[], work: string): DebugPlan;
  /** The folder stays whatever becomes of it. */
  keep: boolean;
}

/** Throws `not_found` where the program of the run is not here; what `layOut` throws. */
export async function debugHere(context: Context, connection: Connection, wish: SessionWish): Promise<number> {
  const { source, launched } = wish;
  const { manifest } = source;
  const { output } = context;
  const laid = await layOut(context, connection, source);
  try {
    const { env, missing } = sessionEnvironment({
      launched,
      recorded: manifest.environment.env_vars,
      own: context.env,
      folder: laid.folder,
      sessionId: `debug-${shortId(manifest.run_id)}`,
      hadCards: manifest.resources.requested.gpus > 0,
    });
    const cwd = join(laid.work, manifest.cwd);
    const argv = launched.argv.map((word) => moved(word, { launched, folder: laid.folder }));
    const plan = wish.planFor(underShebang(argv, cwd, env.PATH), laid.work);
    requireProgram(plan.argv, { manifest, cwd, env });
    for (const line of differences(plan.argv, { manifest, cwd, env })) output.warn(line);
    if (missing.length > 0)
      output.say(`not set here, and recorded by name alone: ${safeText(missing.slice(0, 8).join(" "))}`);
    output.say(plan.how === "pdb" ? `under pdb: ${safeText(quoteCommand(plan.argv))}` : `a shell, because ${plan.why}`);
    const cmd = plan.how === "pdb" ? plan.argv : shellOf(context, { ...wish, laid, argv: plan.argv, cwd });
    await output.flush();
    await onThisTerminal(cmd, { cwd, env });
    sayWhatIsLeft(context, { laid, source, keep: wish.keep });
    return 0;
  } catch (cause) {
    laid.remove();
    throw cause;
  }
}

interface Shell {
  laid: SessionFolder;
  argv: readonly string[];
  cwd: string;
  source: Source;
  failing: FailingLine | null;
}

/** The shell of whoever sits there; with bash, the command is one arrow key away. */
function shellOf({ env, output }: Context, { laid, argv, cwd, source, failing }: Shell): string[] {
  const command = quoteCommand(argv);
  const shell = env.SHELL && fs.existsSync(env.SHELL) ? env.SHELL : "/bin/sh";
  output.say(`in ${safeText(cwd)} this runs it: ${safeText(command)}`);
  if (failing !== null) {
    const script = quoteWord(relative(source.manifest.cwd, failing.script));
    output.say(
      `its Python came by ${safeText(script)}: \`python3 -m pdb -c continue ${safeText(script)} ARGS\` debugs that`,
    );
  }
  if (!shell.endsWith("/bash")) return [shell, "-i"];
  const file = join(laid.folder, "bashrc");
  const lines = ["[ -f ~/.bashrc ] && . ~/.bashrc", 'PS1="(debug) $PS1"', "HISTFILE=", "history -c"];
  fs.writeFileSync(file, `${lines.join("\n")}\nhistory -s -- ${quoteWord(command)}\n`);
  output.say("the arrow key up brings it");
  return [shell, "--rcfile", file, "-i"];
}

async function onThisTerminal(
  cmd: string[],
  { cwd, env }: { cwd: string; env: Record<string, string> },
): Promise<void> {
  // ctrl-c is the session's; a terminal that is closed ends it, and then what is to be cleaned up is.
  const ignore = () => {};
  const ours = ["SIGINT", "SIGHUP", "SIGTERM", "SIGQUIT"] as const;
  for (const signal of ours) process.on(signal, ignore);
  try {
    await Bun.spawn({ cmd, cwd, env, stdin: "inherit", stdout: "inherit", stderr: "inherit" }).exited;
  } finally {
    for (const signal of ours) process.off(signal, ignore);
  }
}

/** Edits are kept, as a fork of the run: `ml queue` from there makes a child of it. */
function sayWhatIsLeft(
  context: Context,
  { laid, source, keep }: { laid: SessionFolder; source: Source; keep: boolean },
): void {
  const changed = laid.changed();
  if (changed.length === 0 && !keep) {
    laid.remove();
    return;
  }
  writeFork(laid.work, source);
  const edited =
    changed.length === 0
      ? ""
      : `you changed ${safeText(changed.slice(0, 3).join(", "))}${changed.length > 3 ? ` and ${changed.length - 3} more` : ""}; `;
  context.output.say(
    `${edited}it all stays in ${safeText(laid.work)}: \`ml queue\` from there makes a child of ${shortId(source.manifest.run_id)}`,
  );
}
