/**
 * A container that has outlived the command that started it: `podman run` or `docker run` was killed, and the engine keeps what it
 * had started. It is found by the label of its run and killed, before the run's resources are anybody else's.
 */
import { ask, lastWords } from "../capture/child.ts";
import { containerStart, isEngine, runLabel } from "../run/container-command.ts";
import type { Manifest } from "../run/manifest.ts";
import type { Ending } from "./finish.ts";
import type { LiveRun, Shop } from "./shop.ts";

const askMs = 10_000;
/** The words of docker, podman and nerdctl for a container that ended by itself meanwhile. */
const isGone = /no such container|not running|can only kill running/i;

/** What may be left: of a command that was stopped or killed. One that ended by itself has left nothing, or meant to (`run -d`). */
const mayBeLeft = (run: LiveRun, { exit, lost }: Ending) =>
  run.stopped !== null || run.breach !== null || lost !== null || exit === null || exit.timeLimit || exit.rc > 128;

/** Resolves with remarks for the record; never rejects. */
export async function endContainer(
  shop: Shop,
  run: LiveRun,
  given: { manifest: Manifest; end: Ending },
): Promise<string[]> {
  const { manifest, end } = given;
  const start = containerStart(manifest.argv);
  if (start === null || !isEngine(start.tool) || !mayBeLeft(run, end)) return [];
  const env = { ...shop.inherited, ...manifest.launch.env };
  const program = Bun.which(start.program, { PATH: env.PATH ?? "" });
  if (program === null) return [];
  const words = (...more: string[]) => ask([program, ...start.globals, ...more], { env, timeoutMs: askMs });
  const told = await words("ps", "--quiet", "--no-trunc", "--filter", `label=${runLabel(run.runId)}`);
  if (told.kind !== "exited" || told.exitCode !== 0) {
    const why = told.kind === "exited" ? lastWords(told) : told.reason;
    return [`whether its container still runs is not known: \`${start.tool}\` says: ${why}`];
  }
  const ids = told.stdout.split("\n").filter((line) => /^[0-9a-f]{12,64}$/.test(line));
  if (ids.length === 0) return [];
  const killed = await words("kill", "--", ...ids);
  const short = ids.map((id) => id.slice(0, 12)).join(", ");
  if (killed.kind === "exited" && (killed.exitCode === 0 || isGone.test(killed.stderr)))
    return [`its container ${short} had outlived its command, and was killed`];
  const why = killed.kind === "exited" ? lastWords(killed) : killed.reason;
  return [`its container ${short} runs on: \`${start.tool} kill\` says: ${why}`];
}
