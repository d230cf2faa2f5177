/** The terminal UI on the server's machine: our own ssh client's terminal becomes its screen, and nothing else travels. */
import { MlError } from "../core/error.ts";
import { quoteWord } from "../core/shell-quote.ts";
import type { Context } from "./command.ts";

export interface SshWish {
  words: readonly string[];
  flags: { readonly: boolean; view: string | null; tab: string | null };
}

/** What decides how a screen looks and does not travel with ssh by itself. */
const carried = ["COLORTERM", "NO_COLOR", "LANG", "LC_ALL", "LC_CTYPE"];

/** The words of the ssh command. Every part that came from somewhere else is one word, or quoted for the remote shell. */
export function sshWords(context: Pick<Context, "settings" | "env">, wish: SshWish): string[] {
  const { worker_host: host, worker_user: user, worker_port: port } = context.settings;
  const set = carried.flatMap((name) => (context.env[name] ? [`${name}=${context.env[name]}`] : []));
  const remote = [
    ...(set.length === 0 ? [] : ["env", ...set]),
    "ml-tui",
    ...(wish.flags.readonly ? ["--readonly"] : []),
    ...(wish.flags.view === null ? [] : ["--view", wish.flags.view]),
    ...(wish.flags.tab === null ? [] : ["--tab", wish.flags.tab]),
    ...wish.words,
  ];
  const goal = user === null ? (host ?? "") : `${user}@${host}`;
  // After `--` a host that begins with a dash is no option (CVE-2017-1000117 and its kin).
  // Compressed (-C): pictures of text shrink to a fifth, which on a slow link is the time that a key's answer takes.
  return ["ssh", "-t", "-C", "-p", String(port), "--", goal, remote.map(quoteWord).join(" ")];
}

/** Exit code of the UI over there. Throws `unreachable` where ssh does not get there, `refused` where it has no `ml-tui`. */
export async function overSsh(context: Context, wish: SshWish): Promise<number> {
  const cmd = sshWords(context, wish);
  const goal = cmd.at(-2) ?? "";
  if (Bun.which("ssh") === null)
    throw new MlError("refused", "there is no `ssh` on this machine to open the terminal UI with", {
      hint: "`ml monitor --here` opens it over the server's own protocol",
    });
  const child = Bun.spawn({ cmd, stdin: "inherit", stdout: "inherit", stderr: "inherit" });
  // Keys go to the other side; what still arrives here by signal is ssh's to deal with.
  const ignore = () => {};
  process.on("SIGINT", ignore);
  const code = await child.exited;
  process.off("SIGINT", ignore);
  if (code === 255)
    throw new MlError("unreachable", `ssh to ${goal} failed`, {
      hint: "`ml monitor --here` opens it over the server's own protocol",
    });
  if (code === 127)
    throw new MlError("refused", `there is no \`ml-tui\` on the PATH of ${goal}`, {
      hint: `link it to \`ml\` there, or open it here: \`ml monitor --here\``,
    });
  return code;
}
