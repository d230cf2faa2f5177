/**
 * Builds the executable: `bun scripts/build.ts [--faults] [--outfile dist/ml]`. One file that holds every mode, loaded
 * lazily through split chunks. Neither `.env` nor `bunfig.toml` of the folder it is started in is read. `--faults`
 * keeps the named crash points of core/fault.ts in, for tests only. Beside dist/ml it leaves dist/fresh.sh, by which
 * ./ml sees whether a source is newer without starting a process.
 */
import { mkdirSync, readdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { compressedFilesPlugin } from "./compressed.ts";
import { licenceText } from "./licences.ts";
import { hasTerminalUi, nativePackage, terminalUiPlugin } from "./terminal-ui.ts";

const root = join(import.meta.dir, "..");
const withFaults = process.argv.includes("--faults");
const at = process.argv.indexOf("--outfile");
const released = join(root, "dist/ml");
const outfile = at > 0 ? resolve(process.argv[at + 1] ?? "") : withFaults ? join(root, "dist/ml-faults") : released;
const temporary = `${outfile}.${process.pid}.new`;
const startedAt = new Date();

function sourcePaths(folder: string): string[] {
  return [
    folder,
    ...readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.name !== "__pycache__" && !entry.name.endsWith(".pyc"))
      .flatMap((entry) => (entry.isDirectory() ? sourcePaths(join(folder, entry.name)) : [join(folder, entry.name)])),
  ];
}

/** Leaves `stale` empty where nothing is newer than dist/ml; folders are there to see what was added or taken away. */
function freshScript(): string {
  const paths = [
    ...sourcePaths("src"),
    ...sourcePaths("python"),
    "package.json",
    "package-lock.json",
    "scripts/build.ts",
  ];
  const quoted = paths.map((path) => `'${path.replaceAll("'", "'\\''")}'`).join(" \\\n  ");
  return `stale=\nfor one in ${quoted}\ndo\n  [ "$here/$one" -nt "$here/dist/ml" ] && stale=yes && break\ndone\n`;
}

mkdirSync(dirname(outfile), { recursive: true });
const fresh = freshScript();
const build = await Bun.build({
  entrypoints: [join(root, "src/main.ts")],
  target: "bun",
  format: "esm",
  splitting: true,
  bytecode: true,
  minify: true,
  define: {
    FAULTS_COMPILED: String(withFaults),
    TUI_COMPILED: String(hasTerminalUi),
    LICENCES: JSON.stringify(Bun.zstdCompressSync(licenceText(), { level: 19 }).toString("base64")),
  },
  plugins: [terminalUiPlugin, compressedFilesPlugin],
  compile: { outfile: temporary, autoloadDotenv: false, autoloadBunfig: false },
  throw: false,
});
if (!build.success) {
  for (const log of build.logs) process.stderr.write(`${log}\n`);
  process.exit(1);
}
// As old as the sources that went in: what is edited while it builds counts as newer.
utimesSync(temporary, startedAt, startedAt);
renameSync(temporary, outfile);
if (outfile === released) {
  writeFileSync(join(root, `dist/fresh.sh.${process.pid}`), fresh);
  renameSync(join(root, `dist/fresh.sh.${process.pid}`), join(root, "dist/fresh.sh"));
  const alias = join(root, `dist/ml-tui.${process.pid}`);
  symlinkSync("ml", alias);
  renameSync(alias, join(root, "dist/ml-tui"));
}
const shownName = outfile.startsWith(`${root}/`) ? outfile.slice(root.length + 1) : outfile;
const without = hasTerminalUi ? "" : ` without the terminal UI: there is no ${nativePackage} here`;
process.stderr.write(`built ${shownName}${without}\n`);
