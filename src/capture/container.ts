/**
 * Probe: the container of a run. Either the one that the command starts (`docker run`, `podman run`, `apptainer exec`), whose
 * digest its own tool tells, or the one that the worker itself lives in, as far as that has left a note.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type ContainerStart, containerStart, digestInName, isEngine, toldDigest } from "../run/container-command.ts";
import { ask, lastWords } from "./child.ts";
import { findProgram } from "./interpreter.ts";
import type { Finding, Probe, ProbeContext } from "./probe.ts";

const patienceMs = 10_000;
async function engineImage(
  { tool, program: named, globals, image }: ContainerStart,
  context: ProbeContext,
): Promise<Finding> {
  const { childEnv, signal, miss } = context;
  const digest = digestInName(image);
  if (digest !== null) return { environment: { container_image: image, container_digest: digest } };
  const program = await findProgram(named, context);
  const known = { container_image: image, container_digest: null };
  if (program === null) {
    miss(`\`${tool}\` was not found`);
    return { environment: known };
  }
  const command = [
    program,
    ...globals,
    "image",
    "inspect",
    "--format",
    "{{range .RepoDigests}}{{println .}}{{end}}{{.Id}}",
    "--",
    image,
  ];
  const answer = await ask(command, { env: childEnv, timeoutMs: patienceMs, signal });
  const text = answer.kind === "exited" && answer.exitCode === 0 ? answer.stdout : "";
  const found = toldDigest(text.split("\n"), image);
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
    const start = containerStart(context.argv);
    if (start === null) return ownContainer(context);
    return isEngine(start.tool) ? engineImage(start, context) : sandboxImage(start.image, context);
  },
};
