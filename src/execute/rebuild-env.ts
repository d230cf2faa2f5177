/**
 * The environment that a run is started in where it is not the machine's own. That of a reproduction is built anew before its
 * script starts: `.run/build-env.sh`, which launch.sh runs first. As part of the run it is seen in the log, stopped with it,
 * and works with no worker up. It takes the most exact description there is: uv.lock in the code, else conda's exact list,
 * else the list of packages that was captured of the source. One that many runs share was built by worker/venvs.ts.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { quoteWord } from "../core/shell-quote.ts";
import { labelled } from "../run/container-command.ts";
import { withDatasets } from "../run/dataset-record.ts";
import type { Manifest } from "../run/manifest.ts";
import type { BasePaths, RunPaths } from "../run/paths.ts";
import { isPython } from "../run/venv-lock.ts";
import { buildScriptText, installLines, syncLines } from "./build-env.ts";

export const rebuildsEnvironment = ({ launch }: Pick<Manifest, "launch">) => launch.reproduce?.rebuild_env === true;

export const buildScript = (paths: RunPaths) => join(paths.private, "build-env.sh");
const builtFolder = (paths: RunPaths) => join(paths.private, "venv");
/** Appears when the environment is whole. */
export const builtMark = (paths: RunPaths) => join(paths.private, "venv-built");

/** The arguments with the folders of datasets filled in, and the container that they start labelled with the run. */
function filledArgv({ argv: given, datasets, run_id }: Manifest): string[] {
  const argv = labelled(given, run_id);
  if (datasets.length === 0) return argv;
  const folders = new Map(datasets.map(({ name, local_path: local, nas_path: nas }) => [name, local ?? nas]));
  return argv.map((word) => withDatasets(word, (name) => folders.get(name) ?? null));
}

/**
 * What is started: the manifest's arguments, with the folders of its datasets, with the interpreter of the new environment where
 * they begin with one, and with a label where they start a container.
 */
export function launchedArgv(paths: RunPaths, manifest: Manifest): string[] {
  const argv = filledArgv(manifest);
  const [program = "", ...rest] = argv;
  const folder = environmentFolder(paths, manifest);
  if (folder === null || !isPython(program)) return argv;
  return [join(folder, "bin/python"), ...rest];
}

/** Where the environment is that the run is started in: built anew for it, or built ahead and shared; null: the machine's own. */
export function environmentFolder(paths: RunPaths, manifest: Manifest): string | null {
  return rebuildsEnvironment(manifest) ? builtFolder(paths) : (manifest.environment.venv?.folder ?? null);
}

/** Variables that put an environment first. `path` is what PATH was. */
export function environmentVariables(folder: string, path: string | undefined): Record<string, string> {
  return { VIRTUAL_ENV: folder, PATH: `${folder}/bin:${path ?? "/usr/local/bin:/usr/bin:/bin"}` };
}

/** The text of build-env.sh; `source` is the run that is reproduced. */
export function buildText(paths: RunPaths, base: BasePaths, manifest: Manifest): string {
  const source = base.run(manifest.lineage.source_run ?? manifest.run_id);
  const read = (name: string) => (fs.existsSync(join(source.env, name)) ? join(source.env, name) : "");
  const title = `Builds the environment of run ${manifest.run_id} as ${source.runId} had it. Started by launch.sh.`;
  const building = { title, venv: builtFolder(paths), mark: builtMark(paths), python: sourceVersion(source) ?? "" };
  return buildScriptText(
    building,
    `\
list=${quoteWord(read("pip_freeze.txt"))}
explicit=${quoteWord(read("conda-explicit.txt"))}
if [ -f uv.lock ] && [ -f pyproject.toml ] && has uv; then
${syncLines("")}
elif [ -n "$explicit" ] && [ -s "$explicit" ]; then
  for tool in conda mamba micromamba ""; do has "$tool" && break; done
  [ -n "$tool" ] || fail "the run was made with conda, and no conda is on PATH"
  echo "ml: building the environment from conda's list"
  "$tool" create --yes --quiet --prefix "$venv" --file "$explicit" || fail "$tool could not install the packages"
elif [ -n "$list" ]; then
  echo "ml: building the environment from $(grep -c . "$list") packages"
${installLines("--no-deps ")}
else
  fail "${source.runId} has neither a lock nor a list of packages"
fi`,
  );
}

/** `3.11.7`, as the source's Python said it. */
function sourceVersion(source: RunPaths): string | null {
  try {
    const { environment } = JSON.parse(fs.readFileSync(source.manifest, "utf8")) as Manifest;
    return environment.python_version;
  } catch {
    return null;
  }
}

/** Takes the environment away again: it can be built anew, and takes more room than all the rest. */
export async function removeBuilt(paths: RunPaths): Promise<void> {
  await fs.promises.rm(builtFolder(paths), { recursive: true, force: true });
}
