/**
 * `npm run faults`: which rows of the reliability list have a test. A test covers a row by naming it in brackets at the
 * start of its own name: `[K2 Q12] a repeated submission …`. The rows and what they promise are in docs/reliability.md.
 * `--check` exits 8 where a row that is due has no test.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "..");

function listTests(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory()
      ? listTests(path)
      : /\.(test\.ts|conformance\.ts)$|conformance\.ts$/.test(entry.name)
        ? [path]
        : [];
  });
}

interface Row {
  name: string;
  promise: string;
  due: boolean;
}

/** Rows of the table in docs/reliability.md: `| K1 | due | promise |`. */
function readRows(): Row[] {
  const text = readFileSync(join(root, "docs/reliability.md"), "utf8");
  return [...text.matchAll(/^\| ([KDPQNCGSTI]\d+) \| (due|later) \| (.*?) \|$/gm)].map((match) => ({
    name: match[1] ?? "",
    due: match[2] === "due",
    promise: match[3] ?? "",
  }));
}

function readCoverage(): Map<string, string[]> {
  const coverage = new Map<string, string[]>();
  for (const path of listTests(join(root, "test"))) {
    const text = readFileSync(path, "utf8");
    for (const match of text.matchAll(/["'`]\[((?:[KDPQNCGSTI]\d+[ ,]*)+)\]\s*([^"'`\n]*)/g)) {
      for (const name of (match[1] ?? "").split(/[ ,]+/).filter(Boolean)) {
        coverage.set(name, [...(coverage.get(name) ?? []), `${path.slice(root.length + 1)}: ${match[2]}`]);
      }
    }
  }
  return coverage;
}

const rows = readRows();
const coverage = readCoverage();
const due = rows.filter((row) => row.due);
const missing = due.filter((row) => !coverage.has(row.name));
for (const row of rows) {
  const tests = coverage.get(row.name) ?? [];
  if (tests.length === 0 && !row.due) continue;
  const mark = tests.length > 0 ? "ok  " : "NONE";
  process.stdout.write(
    `${mark} ${row.name.padEnd(4)} ${String(tests.length).padStart(2)}  ${row.promise.slice(0, 100)}\n`,
  );
  if (process.argv.includes("--verbose")) for (const line of tests) process.stdout.write(`            ${line}\n`);
}
const unknown = [...coverage.keys()].filter((name) => !rows.some((row) => row.name === name));
if (unknown.length > 0) process.stdout.write(`tests name rows that do not exist: ${unknown.join(" ")}\n`);
process.stdout.write(`${due.length - missing.length} of ${due.length} rows that are due have a test\n`);
if (process.argv.includes("--check") && (missing.length > 0 || unknown.length > 0)) process.exit(8);
