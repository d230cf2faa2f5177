/**
 * P10: code moved to a server, against the real rsync on the same trees and the same edits: over a loopback daemon for
 * time, through a counting proxy for bytes, and through one that adds 50 ms each way. Resuming after a cut as well.
 * `--only first,direct` measures one part, or one way, alone. Ours makes contents durable, rsync does not.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Spread, spread, timed, waitUntil } from "./measure.ts";
import { type Mover, oursMover, rsyncMovers } from "./movers.ts";
import { startOurs } from "./ours.ts";
import type { BenchContext, Line, Row } from "./table.ts";
import { editLarge, editTen, makeTree, noise } from "./trees.ts";
import { openWire, type Wire } from "./wire.ts";

const delayMs = 50;
const allWays = ["direct", "counted", "delayed"] as const;

interface Found {
  ms: Spread;
  kB: number;
  delayedMs: Spread;
}

interface Measuring {
  /** The ways that were asked for. */
  ways: readonly (typeof allWays)[number][];
  times: number;
  /** Makes what each of `times` rounds moves; every mover moves the same. */
  prepare: (round: number) => string;
}

async function measure(movers: readonly Mover[], { ways, times, prepare }: Measuring): Promise<Map<string, Found>> {
  const values = new Map(
    movers.map(({ name }) => [name, { ms: [] as number[], bytes: [] as number[], slow: [] as number[] }]),
  );
  const wires = new Map<string, { plain: Wire; slow: Wire }>();
  for (const { name, port } of movers) wires.set(name, { plain: openWire(port), slow: openWire(port, delayMs) });
  try {
    for (let round = 0; round < times; round += 1) {
      for (const way of ways) {
        const tree = prepare(round * ways.length + ways.indexOf(way));
        for (let at = 0; at < movers.length; at += 1) {
          const mover = movers[(at + round) % movers.length] as Mover;
          const { plain, slow } = wires.get(mover.name) ?? {};
          const found = values.get(mover.name);
          if (plain === undefined || slow === undefined || found === undefined) continue;
          plain.taken();
          // What another has written is not to be synced on this one's time.
          timed(["sync"]);
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
  const lines: Line[] = [
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
  return lines.filter((line) => Number.isFinite(line.ours?.median));
}

/**
 * Sends a large file, cut by killing the client when a good part has passed, and then again. Both count together: how much
 * had passed when the client was dead is not the same for all.
 */
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
    await Bun.sleep(200);
    passed += cutting.taken();
    cutting.stop();
    const wire = openWire(mover.port);
    await mover.move(tree, wire.port);
    costs.set(mover.name, spread([(passed + wire.taken()) / 1000]));
    wire.stop();
  }
  const own = costs.get("ml") ?? null;
  const peer = costs.get("rsync --partial") ?? null;
  return [
    {
      ...{
        what: "100 MB cut after 60, then again: bytes of both",
        unit: "kB",
        ours: own,
        peers: { "rsync --partial": peer },
      },
      ...{ goal: "<= 1 x rsync", met: own && peer ? own.median <= peer.median : null },
    },
  ];
}

/** The parts of the row, each of which can be measured alone. */
const parts: Record<string, (bench: Bench) => Promise<Line[]>> = {
  async first({ context, movers, wanted }) {
    const found = await measure(movers, { ...wanted, prepare: freshTrees(context, 2000, 25_000) });
    return linesOf("2,000 files, 50 MB, first", found, { time: 1, bytes: 1, bytesOf: "rsync -z" });
  },
  async unchanged({ context, movers, wanted }) {
    const tree = await knownTree(context, movers);
    const found = await measure(movers, { ...wanted, times: wanted.times * 2, prepare: () => tree });
    return linesOf("the same, unchanged", found, { time: 0.4, bytes: 0.02, bytesOf: "rsync" });
  },
  async edited({ context, movers, wanted }) {
    const tree = await knownTree(context, movers);
    const prepare = () => {
      editTen(tree);
      return tree;
    };
    const found = await measure(movers, { ...wanted, times: wanted.times * 2, prepare });
    return linesOf("the same, ten lines edited", found, { time: 0.5, bytes: 0.2, bytesOf: "rsync" });
  },
  overwritten: (bench) => insideLarge(bench, "overwritten"),
  inserted: (bench) => insideLarge(bench, "inserted"),
  async small({ context, movers, wanted }) {
    const found = await measure(movers, { ...wanted, times: 1, prepare: freshTrees(context, 10_000, 500) });
    return linesOf("10,000 files of 500 bytes, first", found, { time: 1, bytes: 1, bytesOf: "rsync -z" });
  },
  cut: ({ context, movers: [ours], partial }) =>
    ours === undefined ? Promise.resolve([]) : resumed(context, ours, partial),
};

interface Bench {
  context: BenchContext;
  movers: readonly Mover[];
  /** rsync that keeps what came before a cut. */
  partial: Mover | undefined;
  wanted: Pick<Measuring, "ways" | "times">;
}

const freshTrees = (context: BenchContext, files: number, bytes: number) => (round: number) => {
  const tree = join(context.folder, `tree-${files}-${round}`);
  return makeTree(tree, { files, bytes, seed: files + round });
};

/** A tree that all of them have moved twice, made once for the parts that build on it. */
async function knownTree(context: BenchContext, movers: readonly Mover[]): Promise<string> {
  const tree = join(context.folder, "known");
  if (existsSync(tree)) return tree;
  makeTree(tree, { files: 2000, bytes: 25_000, seed: 1 });
  await Bun.sleep(2100);
  for (const mover of [...movers, ...movers]) await mover.move(tree, mover.port);
  return tree;
}

async function insideLarge({ context, movers, wanted }: Bench, how: "overwritten" | "inserted"): Promise<Line[]> {
  const tree = join(context.folder, "large");
  if (!existsSync(tree)) {
    mkdirSync(tree);
    writeFileSync(join(tree, "weights.bin"), noise(100_000_000));
    await Bun.sleep(2100);
    for (const mover of movers) await mover.move(tree, mover.port);
  }
  const prepare = () => {
    editLarge(join(tree, "weights.bin"), how);
    return tree;
  };
  const found = await measure(movers, { ...wanted, prepare });
  return linesOf(`10 bytes ${how} in 100 MB`, found, { time: 1, bytes: 1, bytesOf: "rsync" });
}

export const row: Row = {
  id: "P10",
  title: "code moved",
  async run(context) {
    const server = await startOurs(context);
    const ours = oursMover(context, server);
    const [rsync, compressing, partial] = await rsyncMovers(context);
    const movers = [ours, rsync, compressing].filter((mover) => mover !== undefined);
    const named = <Name extends string>(names: readonly Name[]) => {
      const chosen = names.filter((name) => context.only.includes(name));
      return chosen.length === 0 ? names : chosen;
    };
    const wanted = { ways: named(allWays), times: context.long ? 9 : 3 };
    const lines: Line[] = [];
    for (const name of named(Object.keys(parts))) {
      lines.push(...((await parts[name]?.({ context, movers, partial, wanted })) ?? []));
    }
    return lines;
  },
};
