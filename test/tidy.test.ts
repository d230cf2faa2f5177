/**
 * Keeps the house tidy: who may import whom, no cycles, sizes, banned names, nothing dead. The table below is the
 * wall plan of ARCHITECTURE.md; a new arrow is added here and argued for there.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

const root = join(import.meta.dir, "..");
const src = join(root, "src");

/** layer → layers it may import (besides itself). */
const walls: Record<string, readonly string[]> = {
  core: [],
  config: ["core"],
  run: ["core"],
  schedule: ["core", "run"],
  think: ["core", "run"],
  sweep: ["core", "run"],
  protocol: ["core", "run", "think", "sweep"],
  queue: ["run", "core"],
  query: ["core"],
  catalog: ["query", "run", "core"],
  capture: ["run", "core"],
  data: ["run", "core"],
  execute: ["run", "core"],
  harvest: ["run", "core"],
  // Answers requests about keeping runs: its results are shapes of the protocol.
  keep: ["protocol", "run", "core"],
  transfer: ["run", "core"],
  // Bundles: checks are shapes of the protocol; files are opened as transfer opens them.
  bundle: ["protocol", "transfer", "run", "core"],
  // Runs of other trackers as bundles, and back; event files are read as those of our own runs are.
  foreign: ["bundle", "harvest", "run", "core"],
  measure: ["capture", "run", "core"],
  worker: ["measure", "execute", "harvest", "schedule", "queue", "capture", "data", "config", "run", "core"],
  server: [
    ...[
      "worker",
      "harvest",
      "catalog",
      "query",
      "schedule",
      "queue",
      "data",
      "keep",
      "transfer",
      "bundle",
      "protocol",
      "think",
      "sweep",
      "config",
    ],
    ...["run", "core"],
  ],
  view: ["protocol", "think", "core"],
  // Charts as files; loaded by `ml plot` alone.
  picture: ["view", "core"],
  // Reports: the words and tables of the pages, as documents; loaded by `ml report` alone.
  report: ["view", "protocol", "think", "core"],
  client: ["protocol", "transfer", "core"],
  cli: ["view", "picture", "report", "client", "transfer", "bundle", "foreign", "protocol", "think", "config", "core"],
  tui: ["view", "client", "protocol", "think", "config", "core"],
};
/** Layers of the thin client: they may import schemas as types only, and never these packages. */
const thin = new Set(["cli", "tui", "client", "view", "think", "report"]);
const heavy = new Set(["zod", "bun:sqlite", "bun:ffi"]);
const typeOnlyFor: Record<string, readonly string[]> = {
  protocol: ["requests", "find", "declare", "think-requests", "sweep-requests", "log-requests", "terminal-requests"],
  run: ["manifest", "store"],
};
const bannedNames = /(^|\/)(utils?|helpers?|common|types|manager|service|index|misc)\.ts$/;
const longFiles: Record<string, string> = {
  "cli/commands.ts": "the table of all commands, an entry each",
  "tui/key-table.ts": "the table of all keys, an entry each",
};

interface Import {
  from: string;
  typeOnly: boolean;
}
interface Source {
  path: string;
  lines: string[];
  imports: Import[];
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? listFiles(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

function readSource(path: string): Source {
  const text = readFileSync(path, "utf8");
  const imports: Import[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?["']([^"']+)["']/gm)) {
    imports.push({ from: match[2] ?? "", typeOnly: match[1] !== undefined });
  }
  for (const match of text.matchAll(/(await\s+)?import\(\s*["']([^"']+)["']\s*\)/g)) {
    imports.push({ from: match[2] ?? "", typeOnly: match[1] === undefined });
  }
  return { path: relative(src, path), lines: text.split("\n"), imports };
}

const sources = listFiles(src)
  .filter((path) => path.endsWith(".ts"))
  .map(readSource);
const target = (source: Source, from: string) => normalize(join(dirname(source.path), from));
const layerOf = (path: string) => (path.includes("/") ? (path.split("/")[0] ?? "") : "main");

describe("the house is tidy", () => {
  test("a layer imports only what the wall plan allows", () => {
    const breaches: string[] = [];
    for (const source of sources) {
      const layer = layerOf(source.path);
      if (layer === "main") continue;
      for (const { from } of source.imports) {
        if (!from.startsWith(".")) continue;
        const to = layerOf(target(source, from));
        if (target(source, from).startsWith("../")) continue;
        if (to !== layer && !walls[layer]?.includes(to)) breaches.push(`${source.path} imports ${from}`);
      }
    }
    expect(breaches).toEqual([]);
  });

  test("the thin client imports schemas as types only", () => {
    const breaches: string[] = [];
    for (const source of sources) {
      if (!thin.has(layerOf(source.path))) continue;
      for (const { from, typeOnly } of source.imports) {
        if (typeOnly) continue;
        const path = from.startsWith(".") ? target(source, from) : from;
        const [layer = "", name = ""] = path.replace(/\.ts$/, "").split("/");
        if (heavy.has(from) || typeOnlyFor[layer]?.includes(name)) breaches.push(`${source.path} imports ${from}`);
      }
    }
    expect(breaches).toEqual([]);
  });

  test("there are no import cycles, type imports included", () => {
    const graph = new Map(
      sources.map((s) => [s.path, s.imports.filter((i) => i.from.startsWith(".")).map((i) => target(s, i.from))]),
    );
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, trail: string[]) => {
      if (trail.includes(path)) {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
        return;
      }
      if (done.has(path)) return;
      for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    };
    for (const path of graph.keys()) visit(path, []);
    expect(cycles).toEqual([]);
  });

  test("a file over 400 lines has a stated reason", () => {
    const long = sources
      .filter((s) => s.lines.length > 400 && !(s.path in longFiles))
      .map((s) => `${s.path}: ${s.lines.length}`);
    expect(long).toEqual([]);
  });

  test("every file begins by saying what it is", () => {
    expect(sources.filter((s) => !s.lines[0]?.startsWith("/**")).map((s) => s.path)).toEqual([]);
  });

  test("no file has a name that says nothing", () => {
    // A command is named by the user's word for it.
    const named = sources.map((s) => s.path).filter((path) => !path.startsWith("cli/commands/"));
    expect(named.filter((path) => bannedNames.test(path))).toEqual([]);
  });

  test("a decision has a number of its own", () => {
    const numbers = readdirSync(join(root, "docs/decisions")).map((name) => name.slice(0, 4));
    expect(numbers.filter((number, at) => numbers.indexOf(number) !== at)).toEqual([]);
  });

  test("no file is dead: each is reached from main", () => {
    const graph = new Map(
      sources.map((s) => [s.path, s.imports.filter((i) => i.from.startsWith(".")).map((i) => target(s, i.from))]),
    );
    const reached = new Set<string>();
    const visit = (path: string) => {
      if (reached.has(path)) return;
      reached.add(path);
      for (const next of graph.get(path) ?? []) visit(next);
    };
    visit("main.ts");
    expect([...graph.keys()].filter((path) => !reached.has(path))).toEqual([]);
  });
});
