/** Picks a mode from argv and imports it lazily: the thin client never loads the server, and the other way round. */
import { basename } from "node:path";

const [mode, second] = process.argv.slice(2);
const calledAs = basename(process.argv0);

if (mode === "server" && (second === undefined || second.startsWith("-") || second === "run")) {
  const { serverMain } = await import("./server/main.ts");
  await serverMain(process.argv.slice(second === "run" ? 4 : 3));
} else if (mode === "worker" && second !== "list") {
  const { workerMain } = await import("./worker/main.ts");
  await workerMain(process.argv.slice(3));
} else {
  const { cliMain } = await import("./cli/main.ts");
  await cliMain(process.argv.slice(2), calledAs);
}
