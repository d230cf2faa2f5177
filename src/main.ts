/** Picks a mode from argv and imports it lazily: the thin client never loads the server, and the other way round. */

const words = process.argv.slice(2);
const [mode, second] = words;
const calledAs = process.argv0.slice(process.argv0.lastIndexOf("/") + 1);

if (
  calledAs !== "ml-tui" &&
  mode === "server" &&
  (second === undefined || second.startsWith("-") || second === "run")
) {
  const { serverMain } = await import("./server/main.ts");
  await serverMain(words.slice(second === "run" ? 2 : 1));
} else if (calledAs !== "ml-tui" && mode === "worker" && second !== "list") {
  const { workerMain } = await import("./worker/main.ts");
  await workerMain(words.slice(1));
} else if (calledAs !== "ml-tui" && mode === "__data") {
  const { dataMain } = await import("./data/child-main.ts");
  await dataMain(words.slice(1));
} else if (calledAs !== "ml-tui" && mode === "__index") {
  const { indexMain } = await import("./catalog/build-main.ts");
  await indexMain(words.slice(1));
} else {
  const { cliMain } = await import("./cli/main.ts");
  await cliMain(words, calledAs, () => import("./tui/main.ts"));
}

export {};
