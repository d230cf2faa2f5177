/** For life.test.ts: the terminal UI on answers made here, and after a moment a bug of ours, thrown or rejected. */
import type { Connection } from "../../src/client/connection.ts";
import { holdKeys, monitor } from "../../src/tui/main.ts";
import { now, running, status } from "../unit/view/sample.ts";

const replies: Record<string, unknown> = {
  status: { ...status(), waiting: [], recent: [] },
  "server.status": { ...status().server, workers: [] },
  "runs.list": { runs: [], next: null },
};
const connection: Connection = {
  hello: { version: "0", protocol: 1, user: "ana", role: "user", host: "gpu01", base: "/", now, instance: "i" },
  ...{ transport: "socket", state: "open", place: "here" },
  ask: async (name) => replies[name] as never,
  subscribe: async (_, watcher) => {
    const snapshot = { seq: 0, runs: [running], server: status().server };
    watcher.onSnapshot?.(snapshot);
    return { snapshot, close: async () => {} };
  },
  fetch: async () => new Response(),
  onState: () => () => {},
  close() {},
};

const bug = () => {
  throw new Error("a bug of ours");
};
process.on("SIGUSR2", process.argv[2] === "reject" ? () => void Promise.resolve().then(bug) : bug);
const options = {
  connection,
  commands: [],
  run: null,
  view: null,
  tab: null,
  readonly: false,
  keys: null,
  unicode: true,
  colour: true,
};
await monitor({ ...options, env: process.env, cwd: "/", keysHeld: holdKeys() }).then(
  (code) => process.exit(code),
  (cause) => {
    console.error(`ml: ${cause.message}`);
    process.exit(70);
  },
);
