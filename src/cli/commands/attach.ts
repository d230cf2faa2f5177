/** `ml attach RUN`: our terminal on that of a run that was queued with --tty. Leaving it, or losing it, ends nothing. */
import { MlError } from "../../core/error.ts";
import { attachTo } from "../attach-to.ts";
import { type Context, defineCommand } from "../command.ts";

export const command = defineCommand({
  name: "attach",
  group: "watch",
  summary: "type into the terminal of a run that was queued with --tty",
  about:
    "Shows what its terminal shows and hands on what you type: a prompt, pdb, a shell. ctrl-\\ leaves, and so does ctrl-p ctrl-q; the run goes on, as it does when the connection, the server or the worker dies. ctrl-c is the script's. Several windows may look on; the terminal is as large as the smallest. For the run's owner and administrators. At the run's end its verdict, and 5 where it did not succeed.",
  positionals: [{ name: "RUN", about: "which run", complete: "live_run" }],
  flags: {},
  examples: [
    ["ml queue --tty train.py", "with `breakpoint()` in it"],
    ["ml attach @last", "answer it"],
  ],
  async run(context, args) {
    const [run = ""] = args.words;
    requireTerminals(context, run);
    const connection = await context.connect();
    const { manifest } = await connection.ask("run.get", { run });
    return attachTo(context, connection, manifest.run_id);
  },
});

function requireTerminals({ terminal, output }: Context, run: string): void {
  if (terminal.stdin && terminal.stdout && output.mode === "human") return;
  throw new MlError("usage", "`ml attach` shows a terminal and types into it, so it needs one itself", {
    hint: `\`ml logs -f ${run}\` follows what the run prints, anywhere`,
  });
}
