/**
 * Builds the executable: `bun scripts/build.ts [--faults] [--outfile dist/ml]`. One file that holds every mode, loaded
 * lazily through split chunks. Neither `.env` nor `bunfig.toml` of the folder it is started in is read. `--faults`
 * keeps the named crash points of core/fault.ts in, for tests only.
 */
import { mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dir, "..");
const withFaults = process.argv.includes("--faults");
const at = process.argv.indexOf("--outfile");
const outfile = join(root, at > 0 ? (process.argv[at + 1] ?? "") : withFaults ? "dist/ml-faults" : "dist/ml");
const temporary = `${outfile}.${process.pid}.new`;

mkdirSync(dirname(outfile), { recursive: true });
const build = Bun.spawnSync({
  cmd: [
    process.execPath,
    "build",
    "--compile",
    "--splitting",
    "--bytecode",
    "--format=esm",
    "--minify",
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    "--define",
    `FAULTS_COMPILED=${withFaults}`,
    "src/main.ts",
    "--outfile",
    temporary,
  ],
  cwd: root,
  stdout: "pipe",
  stderr: "pipe",
});
if (build.exitCode !== 0) {
  process.stderr.write(build.stdout);
  process.stderr.write(build.stderr);
  process.exit(1);
}
renameSync(temporary, outfile);
if (!withFaults) {
  const alias = join(dirname(outfile), "ml-tui");
  rmSync(alias, { force: true });
  symlinkSync("ml", alias);
}
process.stderr.write(`built ${outfile.slice(root.length + 1)}\n`);
