/**
 * P10: code moved to a server, against the real rsync on the same trees and the same edits: over a loopback daemon for
 * time, through a counting proxy for bytes, and through one that adds 50 ms each way. Resuming after a cut as well.
 */
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { plainEnv, type Spread, spread, timed, waitUntil } from "./measure.ts";
import { type Ours, startOurs } from "./ours.ts";
import type { BenchContext, Line, Row } from "./table.ts";
import { openWire, type Wire } from "./wire.ts";

const delayMs = 50;
const words = readWords();

/** Text that compresses about as source code does. */
function readWords(): string[] {
  const letters = "etaoinshrdlucmfwypvbgkjqxz";
  return Array.from({ length: 4000 }, (_, at) => {
    let word = "";
    for (let rest = at + 17; rest > 0; rest = Math.floor(rest / 7)) word += letters[rest % 26];
    return word;
  });
}

function sourceText(bytes: number, random: () => number): string {
  let text = "";
  for (let line = 0; text.length < bytes; line += 1) {
    const indent = " ".repeat(4 * Math.floor(random() * 4));
    const parts = Array.from({ length: 3 + Math.floor(random() * 6) }, () => words[Math.floor(random() ** 2 * 4000)]);
    text += `${indent}${parts.join("_")} = ${parts[0]}(${Math.floor(random() * 1e6)})  # ${line}\n`;
  }
  return text.slice(0, bytes);
}

/** mulberry32: the same tree for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function makeTree(folder: string, { files, bytes, seed }: { files: number; bytes: number; seed: number }): string {
  const random = seeded(seed);
  for (let at = 0; at < files; at += 1) {
    const inside = join(folder, `package${Math.floor(at / 50)}`);
    if (at % 50 === 0) mkdirSync(inside, { recursive: true });
    writeFileSync(join(inside, `module${at}.py`), sourceText(bytes, random));
  }
  return folder;
}

function noise(bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(buffer.subarray(at, Math.min(bytes, at + 65_536)));
  return buffer;
}

let editCount = 0;

/** A line changed in each of ten files. */
function editTen(tree: string): void {
  editCount += 1;
  for (let at = 0; at < 10; at += 1) {
    const path = join(tree, `package${at * 4}`, `module${at * 200 + 7}.py`);
    const lines = readFileSync(path, "utf8").split("\n");
    lines[40 + at] = `edited_${editCount} = ${at}`;
    writeFileSync(path, lines.join("\n"));
  }
}

function editLarge(path: string, how: "overwritten" | "inserted"): void {
  editCount += 1;
  const bytes = readFileSync(path);
  const place = 10_000_000 + editCount * 1_234_567;
  const mark = Buffer.from(`edit${String(editCount).padStart(6, "0")}`);
  if (how === "overwritten") bytes.set(mark, place);
  const edited = how === "overwritten" ? bytes : Buffer.concat([bytes.subarray(0, place), mark, bytes.subarray(place)]);
  writeFileSync(path, edited);
  const later = Date.now() / 1000 + editCount;
  utimesSync(path, later, later);
}

/** One who brings a tree to where he keeps it: `port` names a proxy, or his own server. */
interface Mover {
  name: string;
  port: number;
  move(tree: string, port: number, signal?: AbortSignal): Promise<number>;
}

async function aside(
  command: readonly string[],
  { signal, ...options }: { cwd: string; env: Record<string, string>; signal: AbortSignal | undefined },
): Promise<number> {
  const started = performance.now();
  const child = Bun.spawn([...command], {
    ...{ ...options, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
    ...(signal === undefined ? {} : { signal }),
  });
  const code = await child.exited;
  const ms = performance.now() - started;
  if (code !== 0)
    throw new Error(`\`${command.join(" ")}\` exited with ${code}: ${await new Response(child.stderr).text()}`);
  return ms;
}

function oursMover(context: BenchContext, ours: Ours): Mover {
  const key = timed([context.ml, "key", "add", "bench", "-q"], { env: ours.env }).stdout.trim();
  const record = JSON.parse(readFileSync(join(ours.base, "server.json"), "utf8")) as { url: string };
  const home = join(context.folder, "client");
  const env = { ...plainEnv(), HOME: home, ML_HOME: home, ML_API_KEY: key, ML_SNAPSHOT_FILE_MAX_MB: "1000" };
  return {
    name: "ml",
    port: Number(new URL(record.url).port),
    move: (tree, port, signal) =>
      aside([context.ml, "sync", "-q"], {
        ...{ cwd: tree, env: { ...env, ML_SERVER_URL: `ws://127.0.0.1:${port}` }, signal },
      }),
  };
}

/** Debian's rsync over a daemon of its own. */
async function rsyncMovers(context: BenchContext): Promise<Mover[]> {
  const path = Bun.which("rsync");
  if (path === null) return [];
  const folder = join(context.folder, "rsync");
  mkdirSync(join(folder, "kept"), { recursive: true });
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  const config = join(folder, "rsyncd.conf");
  writeFileSync(config, `use chroot = no\n[kept]\npath = ${folder}/kept\nread only = no\n${ownUser()}`);
  const daemon = Bun.spawn([path, "--daemon", "--no-detach", `--config=${config}`, `--port=${port}`], {
    env: plainEnv(),
    stdio: ["ignore", "ignore", "ignore"],
  });
  context.after(async () => {
    daemon.kill();
    await daemon.exited;
  });
  await waitUntil("rsync's daemon", () => listens(path, port), 10_000, 20);
  const mover = (name: string, flags: string[]): Mover => ({
    name,
    port,
    move: (tree, through, signal) =>
      aside(
        [
          path,
          "-a",
          ...flags,
          `${tree}/`,
          `rsync://127.0.0.1:${through}/kept/${name.replaceAll(" ", "")}${tree.replaceAll("/", "_")}/`,
        ],
        {
          cwd: tree,
          env: plainEnv(),
          signal,
        },
      ),
  });
  return [mover("rsync", []), mover("rsync -z", ["-z"]), mover("rsync --partial", ["--partial"])];
}

function ownUser(): string {
  return process.getuid?.() === 0 ? "uid = root\ngid = root\n" : "";
}

function listens(rsync: string, port: number): boolean {
  return Bun.spawnSync([rsync, `rsync://127.0.0.1:${port}/`], { env: plainEnv() }).exitCode === 0;
}

interface Found {
  ms: Spread;
  kB: number;
  delayedMs: Spread;
}

/** `prepare` makes what each of `times` rounds moves; every mover moves the same. */
async function measure(
  movers: readonly Mover[],
  { times, prepare }: { times: number; prepare: (round: number) => string },
): Promise<Map<string, Found>> {
  const values = new Map(
    movers.map(({ name }) => [name, { ms: [] as number[], bytes: [] as number[], slow: [] as number[] }]),
  );
  const wires = new Map<string, { plain: Wire; slow: Wire }>();
  for (const { name, port } of movers) wires.set(name, { plain: openWire(port), slow: openWire(port, delayMs) });
  try {
    for (let round = 0; round < times; round += 1) {
      for (const way of ["direct", "counted", "delayed"] as const) {
        const tree = prepare(round * 3 + (way === "direct" ? 0 : way === "counted" ? 1 : 2));
        for (let at = 0; at < movers.length; at += 1) {
          const mover = movers[(at + round) % movers.length] as Mover;
          const { plain, slow } = wires.get(mover.name) ?? {};
          const found = values.get(mover.name);
          if (plain === undefined || slow === undefined || found === undefined) continue;
          plain.taken();
          const port = way === "direct" ? mover.port : way === "counted" ? plain.port : slow.port;
          const ms = await mover.move(tree, port);
          if (way === "direct") found.ms.push(ms);
          else if (way === "delayed") found.slow.push(ms);
          else found.bytes.push(plain.taken() / 1000);
        }
      }
    }
  } finally {
    for (const { plain, slow } of wires.values()) {
      plain.stop();
      slow.stop();
    }
  }
  return new Map(
    [...values].map(([name, of]) => [
      name,
      { ms: spread(of.ms), kB: spread(of.bytes).median, delayedMs: spread(of.slow) },
    ]),
  );
}

interface Goal {
  time: number;
  bytes: number;
  /** Whose bytes count: rsync's, or those of `rsync -z`. */
  bytesOf: "rsync" | "rsync -z";
}

function linesOf(what: string, found: Map<string, Found>, goal: Goal): Line[] {
  const ours = found.get("ml");
  const rsync = found.get("rsync");
  const judge = found.get(goal.bytesOf);
  if (ours === undefined) return [];
  const peers = (pick: (of: Found) => Spread) =>
    Object.fromEntries([...found].filter(([name]) => name !== "ml").map(([name, of]) => [name, pick(of)]));
  const met = (value: number, peer: number | undefined, factor: number) =>
    peer === undefined ? null : value <= peer * factor;
  return [
    {
      ...{ what: `${what}: time`, unit: "ms", ours: ours.ms, peers: peers((of) => of.ms) },
      ...{ goal: `<= ${goal.time} x rsync`, met: met(ours.ms.median, rsync?.ms.median, goal.time) },
    },
    {
      ...{ what: `${what}: bytes`, unit: "kB", ours: spread([ours.kB]), peers: peers((of) => spread([of.kB])) },
      ...{ goal: `<= ${goal.bytes} x ${goal.bytesOf}`, met: met(ours.kB, judge?.kB, goal.bytes) },
    },
    {
      ...{
        what: `${what}: time, 50 ms each way`,
        unit: "ms",
        ours: ours.delayedMs,
        peers: peers((of) => of.delayedMs),
      },
      ...{ goal: "<= 1 x rsync", met: met(ours.delayedMs.median, rsync?.delayedMs.median, 1) },
    },
  ];
}

/** Sends a large file, cut by killing the client when a good part has passed, and then again: what the second one costs. */
async function resumed(context: BenchContext, ours: Mover, rsync: Mover | undefined): Promise<Line[]> {
  const bytes = 100_000_000;
  const costs = new Map<string, Spread>();
  for (const mover of [ours, rsync]) {
    if (mover === undefined) continue;
    const tree = join(context.folder, `cut-${mover.name}`);
    mkdirSync(tree);
    writeFileSync(join(tree, "weights.bin"), noise(bytes));
    const cutting = openWire(mover.port);
    const stop = new AbortController();
    const moving = mover.move(tree, cutting.port, stop.signal).catch(() => NaN);
    let passed = 0;
    const isEnough = () => {
      passed += cutting.taken();
      return passed > 60_000_000;
    };
    await waitUntil("60 MB to have passed", isEnough, 60_000, 2);
    stop.abort();
    await moving;
    cutting.stop();
    const wire = openWire(mover.port);
    await Bun.sleep(200);
    await mover.move(tree, wire.port);
    costs.set(mover.name, spread([wire.taken() / 1000]));
    wire.stop();
  }
  const own = costs.get("ml") ?? null;
  const peer = costs.get("rsync --partial") ?? null;
  return [
    {
      ...{ what: "100 MB cut after 60, then again: bytes", unit: "kB", ours: own, peers: { "rsync --partial": peer } },
      ...{ goal: "<= 1 x rsync", met: own && peer ? own.median <= peer.median : null },
    },
  ];
}

export const row: Row = {
  id: "P10",
  title: "code moved",
  async run(context) {
    const server = await startOurs(context);
    const ours = oursMover(context, server);
    const [rsync, compressing, partial] = await rsyncMovers(context);
    const movers = [ours, rsync, compressing].filter((mover) => mover !== undefined);
    const times = context.long ? 9 : 3;
    const lines: Line[] = [];
    const at = (name: string) => join(context.folder, name);
    const fresh = (files: number, bytes: number) => (round: number) => {
      const tree = at(`tree-${files}-${round}`);
      makeTree(tree, { files, bytes, seed: files + round });
      timed(["sync"]);
      return tree;
    };
    const first = await measure(movers, { times, prepare: fresh(2000, 25_000) });
    lines.push(...linesOf("2,000 files, 50 MB, first", first, { time: 1, bytes: 1, bytesOf: "rsync -z" }));
    const tree = at("tree-2000-0");
    await Bun.sleep(2100);
    for (const mover of movers) await mover.move(tree, mover.port);
    for (const mover of movers) await mover.move(tree, mover.port);
    const unchanged = await measure(movers, { times: times * 2, prepare: () => tree });
    lines.push(...linesOf("the same, unchanged", unchanged, { time: 0.4, bytes: 0.02, bytesOf: "rsync" }));
    const edited = await measure(movers, {
      times: times * 2,
      prepare: () => {
        editTen(tree);
        return tree;
      },
    });
    lines.push(...linesOf("the same, ten lines edited", edited, { time: 0.5, bytes: 0.2, bytesOf: "rsync" }));
    const large = at("large");
    mkdirSync(large);
    writeFileSync(join(large, "weights.bin"), noise(100_000_000));
    await Bun.sleep(2100);
    for (const mover of movers) await mover.move(large, mover.port);
    for (const how of ["overwritten", "inserted"] as const) {
      const found = await measure(movers, {
        times,
        prepare: () => {
          editLarge(join(large, "weights.bin"), how);
          return large;
        },
      });
      lines.push(...linesOf(`10 bytes ${how} in 100 MB`, found, { time: 1, bytes: 1, bytesOf: "rsync" }));
    }
    const small = await measure(movers, { times: 1, prepare: fresh(10_000, 500) });
    lines.push(...linesOf("10,000 files of 500 bytes, first", small, { time: 1, bytes: 1, bytesOf: "rsync -z" }));
    lines.push(...(await resumed(context, ours, partial)));
    return lines;
  },
};
