/** `npm run tui:sandbox`: the terminal UI on a temporary server full of runs. Leave it with `q`; nothing stays. */
import { join } from "node:path";
import { fillPresent, openSandbox } from "./sandbox.ts";

process.stderr.write("making ten months of runs and starting a server …\n");
const sandbox = await openSandbox({ pastRuns: 400 });
try {
  await fillPresent(sandbox);
  const { TERM = "xterm-256color", COLORTERM = "", NO_COLOR = "" } = process.env;
  const child = Bun.spawn([join(import.meta.dir, "../dist/ml"), "monitor", "--here", ...process.argv.slice(2)], {
    cwd: sandbox.project,
    env: { ...sandbox.env, TERM, COLORTERM, NO_COLOR },
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  });
  await child.exited;
} finally {
  await sandbox.end();
}
