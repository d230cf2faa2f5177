/**
 * A terminal UI without a terminal and without a server: a connection that answers from what a test puts there, records
 * what was asked, and lets the test play events and lost connections; and the picture as text.
 */
import { commands } from "../../../src/cli/commands.ts";
import type { Connection, ConnectionState, Watcher } from "../../../src/client/connection.ts";
import { MlError } from "../../../src/core/error.ts";
import type { ServerEvent } from "../../../src/protocol/frames.ts";
import type { Ask, Reply } from "../../../src/protocol/requests.ts";
import type { RunSummary } from "../../../src/protocol/summary.ts";
import { App } from "../../../src/tui/app.ts";
import { makeKeymap } from "../../../src/tui/keys.ts";
import { gridText, rasterise } from "../../../src/tui/raster.ts";
import { until } from "../../support/temp.ts";
import { detail as makeDetail, status as makeStatus, now } from "../view/sample.ts";

export interface Asked {
  name: Ask;
  body: Record<string, unknown>;
}

export interface Stage {
  app: App;
  asked: Asked[];
  /** The last body asked of a name. */
  last(name: Ask): Record<string, unknown> | undefined;
  /** Texts that were copied, commands that were run, and whether it was left. */
  copied: string[];
  commands: string[][];
  /** Commands that had the terminal. */
  lent: string[][];
  left: boolean;
  logText: string;
  runs: RunSummary[];
  role: "viewer" | "user" | "admin";
  /** What is answered in place of what would be. */
  replies: Map<Ask, unknown>;
  /** The next ask of this name fails with this. */
  failing: Map<Ask, MlError>;
  commandResult: { code: number; stdout: string; stderr: string };
  event(event: ServerEvent): void;
  connectionState(state: ConnectionState): void;
  /** Presses keys, as keys.ts names them; a text of several characters that is no key is typed into the editor. */
  press(...keys: string[]): void;
  type(text: string): void;
  /** Waits until something was asked that is asked only after a while. */
  answered(name: Ask): Promise<void>;
  /** The picture, once what was asked for is loaded, opened or done. */
  opened(width?: number, height?: number): Promise<string>;
  /** The picture, once all answers have come in. */
  screen(width?: number, height?: number): Promise<string>;
}

export interface StageOptions {
  runs: RunSummary[];
  readonly?: boolean;
  unicode?: boolean;
  role?: "viewer" | "user" | "admin";
  keys?: string;
  /** What the command line has; default: all that it really has. */
  commands?: readonly string[];
}

/** Lets promises that are ready settle. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

const found = { query: "", interpreted: false, columns: [], next: null, more: false, total: 1, behind: 0, explain: [] };
const used = {
  runs: 3,
  waiting: 1,
  gpu_hours: 4.2,
  cpu_hours: 17,
  share: 1,
  wait_seconds: null,
  energy_kwh: null,
  energy_runs: 0,
};
const usage: Reply<"usage"> = {
  since: now,
  until: now,
  by: "user",
  rows: [{ key: "ana", ...used }],
  total: used,
  utilisation: { gpus: 0.4, cpu_cores: null },
  counted: [],
  half_life_hours: 24,
  start_accuracy: { held: 3, of: 4 },
};
export const dataset: Reply<"dataset.list">["datasets"][number] = {
  schema_version: 1,
  name: "imagenet-train",
  owner: "ana",
  added_at: now,
  current: "v1",
  versions: [
    {
      ...{ version: "v1", path: "/nas/imagenet", checksum: "sha256:15128af6f19c", num_files: 1000, size_bytes: 8e9 },
      ...{ num_samples: null, quick: false, registered_at: now, registered_by: "ana", left_out: [], last_check: null },
    },
  ],
};
/** One dataset on its way to the disk, one that made room for it. */
export const store: Reply<"prewarm.list">["workers"][number] = {
  ...{ worker: "gpu01", folder: "/data/cache", mode: "network", used_bytes: 1e9, limit_bytes: 100e9 },
  ...{ copies: [], in_place: [], needed: 1, warm: 0, failed: [], venvs: null, images: null },
  copying: [
    {
      ...{ name: "imagenet-train", version: "v1", for_run: "2026-11-23_x2k4aa", on_demand: false, files: 750 },
      ...{ done_bytes: 6.1e9, total_bytes: 8e9, started_at: now, eta_seconds: 240 },
    },
  ],
  evicted: [
    { name: "cifar", version: "1", size_bytes: 2e8, at: now, for: "imagenet-train", why: "no waiting run needs it" },
  ],
};
const ended = new Set(["completed", "failed", "cancelled"]);

function answer(stage: Stage, { name, body }: Asked): unknown {
  const given = stage.replies.get(name);
  if (given !== undefined) return given;
  const run = () => {
    const found = stage.runs.find((one) => one.run_id === body.run);
    if (found === undefined) throw new MlError("not_found", `there is no run \`${body.run}\``);
    return found;
  };
  if (name === "status") {
    const of = (...states: string[]) => stage.runs.filter((one) => states.includes(one.status));
    const totals = Object.fromEntries(stage.runs.map((one) => [one.status, of(one.status).length]));
    return {
      ...makeStatus(),
      running: of("running", "starting"),
      waiting: of("queued"),
      recent: of(...ended),
      totals,
    };
  }
  if (name === "runs.list") return { runs: stage.runs.filter((one) => ended.has(one.status)), next: null };
  if (name === "run.get") return makeDetail(run());
  if (name === "run.resolve") return { run_ids: body.runs };
  if (name === "metrics.read") {
    if (Number(body.after ?? 0) > 0)
      return { run_id: body.run, points: [], next: body.after, passive_next: 0, thinned: false };
    const points = Array.from({ length: 50 }, (_, step) => ({ name: "loss", value: 1 / (step + 1), step, t: step }));
    return { run_id: body.run, points, next: 1, passive_next: 0, thinned: false };
  }
  if (name === "files.list") return { run_id: body.run, path: "", entries: [], truncated: false };
  if (name === "log.read") {
    const bytes = Buffer.from(stage.logText);
    const from = Number(body.offset ?? Math.max(0, bytes.length - Number(body.tail_bytes ?? 0)));
    const to = Math.min(bytes.length, from + Number(body.limit ?? 256 * 1024));
    const data = bytes.toString("utf8", from, to);
    return { run_id: body.run, offset: from, next: to, size: bytes.length, ended: false, encoding: "utf8", data };
  }
  if (name === "log.search") {
    const at = stage.logText.lastIndexOf(String(body.text), Number(body.from) - 1);
    const start = at < 0 ? null : stage.logText.lastIndexOf("\n", at) + 1;
    const end = at < 0 ? null : stage.logText.indexOf("\n", at) + 1;
    return { run_id: body.run, line_offset: start, line_end: end, next: null, size: stage.logText.length };
  }
  if (name === "find")
    return { ...found, runs: stage.runs.slice(3, 4).map((one) => ({ run: one, values: {}, snippet: null })) };
  if (name === "server.status")
    return { ...makeStatus().server, workers: makeStatus().workers, clients: 1, memory_bytes: 1 };
  if (name === "run.why")
    return {
      run: run(),
      blockers: [{ kind: "turn", ahead: 2, next: run().run_id, user: "li", rule: "priority" }],
      named: [],
    };
  if (name === "usage") return usage;
  if (name === "runs.compare") {
    const runs = stage.runs.filter((one) => (body.runs as string[]).includes(one.run_id));
    const values = runs.map((_, at) => 0.9 - at / 10);
    const columns = [{ kind: "metric", name: "val_acc", values, better: "max" }];
    return { runs, columns, same: [{ name: "script", value: "train.py" }], more: false };
  }
  if (name === "dataset.list") return { datasets: [dataset] };
  if (name === "dataset.show") {
    const shown: Reply<"dataset.show"> = { dataset, runs: [], stores: [], more: false, mounts: [] };
    return shown;
  }
  if (name === "prewarm.list") return { wishes: [], workers: [store] };
  if (name === "run.cancel")
    return { runs: (body.runs as string[]).map((id) => ({ run_id: id, status: "running", stopping: true })) };
  if (name === "prewarm.wish" || name === "prewarm.cancel") return { wishes: [] };
  if (name === "run.delete")
    return { runs: (body.runs as string[]).map((id) => ({ run_id: id, size_bytes: 1e6, deleted: true })) };
  return {};
}

export async function openStage(options: StageOptions): Promise<Stage> {
  const listeners = new Set<(state: ConnectionState, why: string | null) => void>();
  let watcher: Watcher | null = null;
  let state: ConnectionState = "open";
  const asked: Asked[] = [];
  const connection: Connection = {
    hello: {
      version: "0.1.0",
      protocol: 1,
      user: "ana",
      role: options.role ?? "user",
      host: "gpu01",
      base: "/data",
      now,
      instance: "i",
    },
    transport: "socket",
    get state() {
      return state;
    },
    place: "local server",
    async ask(name, body) {
      asked.push({ name, body: body as Record<string, unknown> });
      const failure = stage.failing.get(name);
      if (failure !== undefined) throw failure;
      return answer(stage, { name, body: body as Record<string, unknown> }) as never;
    },
    async subscribe(_, given) {
      watcher = given;
      const snapshot: Reply<"subscribe"> = { seq: 0, runs: stage.runs, server: makeStatus().server };
      watcher.onSnapshot?.(snapshot);
      return { snapshot, close: async () => {} };
    },
    fetch: async () => new Response(""),
    onState(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {},
  };
  const stage: Omit<Stage, "app"> & { app: App } = {
    app: null as unknown as App,
    asked,
    last: (name) => asked.findLast((one) => one.name === name)?.body,
    copied: [],
    commands: [],
    lent: [],
    left: false,
    logText: "",
    runs: options.runs,
    role: options.role ?? "user",
    failing: new Map(),
    replies: new Map(),
    commandResult: { code: 0, stdout: "2026-11-23_new001\n", stderr: "" },
    event(event) {
      if (event.kind === "run")
        stage.runs = [...stage.runs.filter((one) => one.run_id !== event.run.run_id), event.run];
      watcher?.onEvent(event);
    },
    connectionState(next) {
      state = next;
      for (const listener of listeners) listener(next, next === "open" ? null : "the test says so");
    },
    press(...keys) {
      for (const key of keys) stage.app.key(key);
    },
    type(text) {
      const place = stage.app.frame(stage.app.size.width, stage.app.size.height).editors.find((one) => one.focused);
      if (place === undefined) throw new Error("nothing takes text now");
      stage.app.edited(place.name, stage.app.textOf(place.name) + text);
    },
    async answered(name) {
      await until(`an ask of ${name}`, () => asked.some((one) => one.name === name));
      await settle();
    },
    async opened(width = 100, height = 40) {
      await until("what is being opened", () => !stage.app.busy);
      return stage.screen(width, height);
    },
    async screen(width = 80, height = 24) {
      for (let turn = 0; turn < 6; turn++) {
        stage.app.frame(width, height);
        await settle();
      }
      return gridText(rasterise(stage.app.frame(width, height), { colour: false, greyed: stage.app.greyed }));
    },
  };
  stage.app = new App({
    connection,
    keymap: makeKeymap(options.keys ?? null),
    unicode: options.unicode ?? true,
    readonly: options.readonly ?? false,
    screen: {
      copy: (text) => stage.copied.push(text) > 0,
      suspend: () => {},
      async lend(words) {
        stage.lent.push([...words]);
        return 0;
      },
      repaint: () => {},
      quit: () => {
        stage.left = true;
      },
    },
    onChange: () => {},
    commands: new Set(options.commands ?? commands.map(({ name }) => name)),
    async runCommand(words) {
      stage.commands.push([...words]);
      return stage.commandResult;
    },
  });
  await stage.app.start();
  await stage.screen();
  return stage;
}
