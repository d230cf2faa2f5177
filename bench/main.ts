/**
 * `npm run bench [P1 P2 …] [--only PART,…] [--long] [--markdown] [--ml PATH]`: measures ours and the peers in turn, and prints one table.
 * Judges ratios and goals in words only; it never fails because something was slow.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { buildMl } from "./ours.ts";
import { row as p1 } from "./p1-thin-command.ts";
import { row as p2 } from "./p2-first-line.ts";
import { row as p3 } from "./p3-submits-one-client.ts";
import { row as p4 } from "./p4-submits-many-commands.ts";
import { row as p5 } from "./p5-no-op-runs.ts";
import { row as p6 } from "./p6-many-runs.ts";
import { row as p7 } from "./p7-idle.ts";
import { row as p8 } from "./p8-output.ts";
import { row as p9 } from "./p9-log-metric.ts";
import { row as p10 } from "./p10-transfer.ts";
import { row as p11 } from "./p11-find.ts";
import { row as p12 } from "./p12-decision.ts";
import { row as p13 } from "./p13-capture.ts";
import { row as p14 } from "./p14-screen.ts";
import { row as p15 } from "./p15-executable.ts";
import { row as p16 } from "./p16-prewarm.ts";
import { compileNoop } from "./peers.ts";
import { type BenchContext, type Line, type Row, renderTable } from "./table.ts";

const rows: readonly Row[] = [p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12, p13, p14, p15, p16];
const root = join(import.meta.dir, "..");

function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "ml-bench-"));
}

function removeFolder(folder: string): void {
  Bun.spawnSync(["chmod", "-R", "u+rwX", folder], { stderr: "ignore" });
  rmSync(folder, { recursive: true, force: true });
}

/** One row in a folder of its own; whatever happens, what it started is stopped and its folder removed. */
async function measureRow(row: Row, shared: Omit<BenchContext, "folder" | "after">): Promise<Line[]> {
  const folder = temporaryFolder();
  const cleanUps: (() => void | Promise<void>)[] = [];
  try {
    return await row.run({ ...shared, folder, after: (cleanUp) => cleanUps.unshift(cleanUp) });
  } catch (cause) {
    const note = cause instanceof Error ? cause.message : String(cause);
    return [{ what: row.title, unit: "ms", ours: null, goal: "", met: null, note }];
  } finally {
    for (const cleanUp of cleanUps) await Promise.resolve(cleanUp()).catch((cause) => console.error(cause));
    removeFolder(folder);
  }
}

async function main(args: readonly string[]): Promise<void> {
  const after = (flag: string) => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
  const given = after("--ml");
  const only = after("--only")?.split(",") ?? [];
  const wanted = args.filter((word) => /^p\d+$/i.test(word)).map((word) => word.toUpperCase());
  const chosen = rows.filter(({ id }) => wanted.length === 0 || wanted.includes(id));
  const seenOn = machine();
  const toolFolder = temporaryFolder();
  const found: { id: string; lines: Line[] }[] = [];
  try {
    const needed = chosen.some(({ withoutMl }) => withoutMl !== true);
    const ml = given !== undefined ? resolve(given) : needed ? buildMl(root, toolFolder) : "";
    const noop = compileNoop(toolFolder);
    for (const row of chosen) {
      const started = performance.now();
      process.stderr.write(`${row.id} ${row.title} …`);
      found.push({ id: row.id, lines: await measureRow(row, { ml, noop, root, only, long: args.includes("--long") }) });
      process.stderr.write(` ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
    }
  } finally {
    removeFolder(toolFolder);
  }
  process.stdout.write(`${seenOn}\n\n${renderTable(found, args.includes("--markdown"))}\n`);
}

/** What the figures were seen on: nothing that names the machine. */
function machine(): string {
  const version = (command: string[]) => {
    const run = Bun.which(command[0] ?? "") ? Bun.spawnSync(command) : null;
    return run ? `${run.stdout}${run.stderr}`.trim().split("\n")[0] : `no ${command[0]}`;
  };
  return [
    new Date().toISOString().slice(0, 10),
    `${cpus().length} CPUs`,
    `Bun ${Bun.version}`,
    version(["python3", "-V"]),
    version(["tsp", "-V"]),
    `load average ${loadavg()[0]?.toFixed(1)}`,
  ].join(" · ");
}

await main(process.argv.slice(2));
