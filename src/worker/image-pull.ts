/**
 * An engine of containers (docker, podman, nerdctl) as a program of this machine: whether it has an image, and having it pull one.
 * Never a shell; the person's own configuration and credentials, as the run itself would have them. Nothing is removed.
 */
import { ask, lastWords } from "../capture/child.ts";
import { MlError } from "../core/error.ts";
import { gently } from "../core/own-command.ts";
import { type ImageNeed, toldDigest } from "../run/container-command.ts";

/** What an engine tells of an image that it has. */
export interface FoundImage {
  digest: string | null;
  sizeBytes: number | null;
}

/** The words with which engines say that they have no such image, and are well otherwise. */
const noSuch = /no such (?:image|object)|image not known|not found|unable to find/i;
const format = "{{range .RepoDigests}}{{println .}}{{end}}{{.Id}}\n{{.Size}}";

interface Asking {
  env: Readonly<Record<string, string>>;
  limitMs: number;
  signal?: AbortSignal;
}

/** The worker's own program of that name: a run's words choose among engines, not what is started ahead of its turn. Throws `not_found`. */
function programOf({ tool, program }: ImageNeed, env: Asking["env"]): string {
  const own = Bun.which(tool, { PATH: env.PATH ?? "" });
  if (own === null) throw new MlError("not_found", `\`${tool}\` is not on the worker's PATH`);
  if (program.startsWith("/") && program !== own)
    throw new MlError("refused", `\`${program}\` is not the \`${tool}\` on the worker's PATH (${own})`);
  return own;
}

/** Null where the engine has it not. Rejects with MlError where that cannot be told. */
export async function findImage(need: ImageNeed, { env, limitMs, signal }: Asking): Promise<FoundImage | null> {
  const command = [programOf(need, env), ...need.globals, "image", "inspect", "--format", format, "--", need.image];
  const answer = await ask(command, { env: { ...env, ...need.env }, timeoutMs: limitMs, ...(signal && { signal }) });
  if (answer.kind !== "exited") throw new MlError("try_later", `\`${need.tool}\` ${answer.reason}`);
  if (answer.exitCode !== 0) {
    if (noSuch.test(answer.stderr)) return null;
    throw new MlError("failed", `\`${need.tool}\` says: ${lastWords(answer)}`);
  }
  const lines = answer.stdout.trim().split("\n");
  const size = Number(lines.pop());
  return { digest: toldDigest(lines, need.image), sizeBytes: Number.isFinite(size) && size > 0 ? size : null };
}

/** Behind what runs, and ended by itself where the worker is killed meanwhile. */
function patiently(command: readonly string[], limitMs: number): string[] {
  const timeout = Bun.which("timeout");
  return timeout === null ? gently(command) : [timeout, String(Math.ceil(limitMs / 1000) + 10), ...gently(command)];
}

/** Rejects with MlError in one sentence, in the words of the engine. */
export async function pullImage(need: ImageNeed, { env, limitMs, signal }: Asking): Promise<void> {
  const pull = [programOf(need, env), ...need.globals, "pull", "--quiet", ...need.pullFlags, "--", need.image];
  const answer = await ask(patiently(pull, limitMs), {
    ...{ env: { ...env, ...need.env }, timeoutMs: limitMs },
    ...(signal && { signal }),
  });
  if (signal?.aborted) throw new MlError("try_later", "its pull was stopped");
  if (answer.kind === "hung")
    throw new MlError("failed", `its pull took longer than ${Math.round(limitMs / 60_000)} minutes`);
  if (answer.kind === "failed") throw new MlError("failed", `\`${need.tool}\` ${answer.reason}`);
  if (answer.exitCode !== 0) throw new MlError("failed", `\`${need.tool}\` says: ${lastWords(answer)}`);
}
