/**
 * Probe: the container of a run. Either the one that the command starts (`docker run`, `podman run`, `apptainer exec`), whose
 * digest its own tool tells, or the one that the worker itself lives in, as far as that has left a note.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { ask, lastWords } from "./child.ts";
import type { Finding, Probe, ProbeContext } from "./probe.ts";

const patienceMs = 10_000;
const engines = new Set(["docker", "podman", "nerdctl"]);
const apptainers = new Set(["apptainer", "singularity"]);

/** Flags that take no value, by tool; nothing else tells them from those that do (docker-run(1), apptainer-exec(1)). */
const engineSwitches =
  /^(?:-[dPitqh]+|--(?:rm|detach|interactive|tty|privileged|init|read-only|no-healthcheck|publish-all|quiet|replace|oom-kill-disable|sig-proxy))$/;
const apptainerSwitches =
  /^(?:-[aecCfpuwsq]+|--(?:nv|nvccli|rocm|cleanenv|compat|contain|containall|disable-cache|fakeroot|ipc|keep-privs|no-[a-z-]+|pid|underlay|userns|uts|vm|writable|writable-tmpfs))$/;

/** The image among the words of `docker run …`, or null. A flag may take its value as the next word. */
export function imageWord(words: readonly string[], switches = engineSwitches): string | null {
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    if (word === "--") return words[at + 1] ?? null;
    if (!word.startsWith("-")) return word;
    if (switches.test(word) || word.includes("=")) continue;
    at += 1;
  }
  return null;
}

async function engineImage(engine: string, image: string, { childEnv, signal, miss }: ProbeContext): Promise<Finding> {
  const digest = /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1];
  if (digest !== undefined) return { environment: { container_image: image, container_digest: digest } };
  const program = Bun.which(engine, { PATH: childEnv.PATH ?? "" });
  const known = { container_image: image, container_digest: null };
  if (program === null) {
    miss(`\`${engine}\` was not found`);
    return { environment: known };
  }
  const command = [
    program,
    "image",
    "inspect",
    "--format",
    "{{range .RepoDigests}}{{println .}}{{end}}{{.Id}}",
    "--",
    image,
  ];
  const answer = await ask(command, { env: childEnv, timeoutMs: patienceMs, signal });
  const text = answer.kind === "exited" && answer.exitCode === 0 ? answer.stdout : "";
  const found = /sha256:[0-9a-f]{64}/.exec(text)?.[0] ?? null;
  if (found === null)
    miss(`the digest of \`${image}\`: ${answer.kind === "exited" ? lastWords(answer) : answer.reason}`);
  return { environment: { ...known, container_digest: found } };
}

/** A file by its own sha256, kept while the file is the same; a name in a registry as it is. */
async function sandboxImage(image: string, { startFolder, cache, signal, miss }: ProbeContext): Promise<Finding> {
  const path = resolve(startFolder, image);
  const found = await stat(path).catch(() => null);
  const known = { container_image: image, container_digest: null };
  if (!found?.isFile()) {
    miss(`the digest of \`${image}\`: it is no file`);
    return { environment: known };
  }
  const key = `${found.mtimeMs} ${found.size} ${found.ino}`;
  const cached = await cache.get(`image ${path}`, key);
  if (typeof cached === "string") return { environment: { ...known, container_digest: cached } };
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { signal })) hash.update(chunk);
  const digest = `sha256:${hash.digest("hex")}`;
  cache.put(`image ${path}`, key, digest);
  return { environment: { ...known, container_digest: digest } };
}

/** What podman leaves in a container that it runs (podman-run(1), "/run/.containerenv"), and apptainer in the environment. */
async function ownContainer({ root, childEnv, miss }: ProbeContext): Promise<Finding> {
  const note = await readFile(join(root, "run/.containerenv"), "utf8").catch(() => "");
  const field = (name: string) => new RegExp(`^${name}="(.+)"$`, "m").exec(note)?.[1] ?? null;
  const image = field("image") ?? childEnv.APPTAINER_CONTAINER ?? childEnv.SINGULARITY_CONTAINER ?? null;
  if (image !== null) {
    const id = field("imageid");
    if (id === null) miss(`the digest of \`${image}\``);
    return { environment: { container_image: image, container_digest: id === null ? null : `sha256:${id}` } };
  }
  const inDocker = await stat(join(root, ".dockerenv")).then(
    () => true,
    () => false,
  );
  if (inDocker) miss("the worker is in a Docker container, and nothing in there says of which image");
  return {};
}

export const containerProbe: Probe = {
  name: "container",
  limitMs: 120_000,
  async run(context) {
    const [program = "", verb = "", ...rest] = context.argv;
    const name = basename(program);
    const starts = engines.has(name) ? verb === "run" : apptainers.has(name) && /^(?:run|exec|shell)$/.test(verb);
    const image = starts ? imageWord(rest, engines.has(name) ? engineSwitches : apptainerSwitches) : null;
    if (image === null) return ownContainer(context);
    return engines.has(name) ? engineImage(name, image, context) : sandboxImage(image, context);
  },
};
