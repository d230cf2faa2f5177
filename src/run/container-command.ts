/**
 * What a command that starts a container says of it: the tool, the image, and how that is to be had. Read from the words alone, as
 * docker-run(1), podman-run(1), nerdctl and apptainer-exec(1) take them; no tool is asked. Pure.
 */
import { posix } from "node:path";
import type { Manifest } from "./manifest.ts";

export interface ContainerStart {
  tool: string;
  /** As the command names it: a name for PATH, or a path. */
  program: string;
  /** Words before the verb: which engine is meant, and where it keeps its images. */
  globals: string[];
  image: string;
  /** Those flags of the verb that say which image, or from where, as `--flag=value`. */
  pullFlags: string[];
  /** `--pull`, in lower case. */
  pull: string;
  /** Where the flags of the verb begin. */
  flagsAt: number;
}

/** Flags that take no value; nothing else tells them from those that do. */
interface Switches {
  letters: string;
  long: RegExp;
}

const globalSwitches: Switches = {
  letters: "DhqrvdsC",
  long: /^(?:debug|debug-full|experimental|help|insecure-registry|nocolor|noout|quiet|remote|silent|syslog|tls|tlsverify|trace|transient-store|verbose|version)$/,
};
const engineSwitches: Switches = {
  letters: "dPitqh",
  long: /^(?:detach|disable-content-trust|env-host|help|http-proxy|init|interactive|no-healthcheck|no-hostname|no-hosts|oom-kill-disable|passwd|privileged|publish-all|quiet|read-only|read-only-tmpfs|replace|rm|rmi|rootfs|sig-proxy|tls-verify|tty|unsetenv-all|use-api-socket)$/,
};
const apptainerSwitches: Switches = {
  letters: "aecCfpuwsqh",
  long: /^(?:nv|nvccli|rocm|cleanenv|compat|contain|containall|disable-cache|fakeroot|ipc|keep-privs|no-[a-z-]+|pid|underlay|userns|uts|vm|writable|writable-tmpfs)$/,
};
const tools = new Map<string, { switches: Switches; verbs: RegExp }>([
  ...["docker", "podman", "nerdctl"].map((name) => [name, { switches: engineSwitches, verbs: /^run$/ }] as const),
  ...["apptainer", "singularity"].map(
    (name) => [name, { switches: apptainerSwitches, verbs: /^(?:run|exec|shell)$/ }] as const,
  ),
]);
const pullFlags = /^--(?:platform|arch|os|variant|authfile|cert-dir|tls-verify)$/;

interface Flag {
  name: string;
  value: string | null;
  words: readonly string[];
}

function takesNext(word: string, { letters, long }: Switches): boolean {
  if (word.includes("=")) return false;
  if (word.startsWith("--")) return !long.test(word.slice(2));
  // The first letter that wants a value has the rest of the word, or the next one.
  const at = [...word.slice(1)].findIndex((letter) => !letters.includes(letter));
  return at >= 0 && at === word.length - 2;
}

/** The flags from `from` on, and where the first word that is none stands. */
function readFlags(words: readonly string[], from: number, switches: Switches): { flags: Flag[]; next: number } {
  const flags: Flag[] = [];
  let at = from;
  while (at < words.length) {
    const word = words[at] ?? "";
    if (word === "--") return { flags, next: at + 1 };
    if (!word.startsWith("-") || word === "-") break;
    const [name = "", ...rest] = word.split("=");
    const more = takesNext(word, switches);
    const value = more ? (words[at + 1] ?? null) : rest.length > 0 ? rest.join("=") : null;
    flags.push({ name, value, words: words.slice(at, at + (more ? 2 : 1)) });
    at += more ? 2 : 1;
  }
  return { flags, next: at };
}

/** Null for a command that starts no container, or names no image. */
export function containerStart(argv: readonly string[]): ContainerStart | null {
  const program = argv[0] ?? "";
  const name = posix.basename(program);
  const tool = tools.get(name);
  if (tool === undefined) return null;
  const { flags: globals, next } = readFlags(argv, 1, globalSwitches);
  // `podman container run` is `podman run`.
  const verb = argv[next] === "container" ? next + 1 : next;
  if (!tool.verbs.test(argv[verb] ?? "")) return null;
  const { flags, next: at } = readFlags(argv, verb + 1, tool.switches);
  const image = argv[at];
  if (image === undefined || image === "") return null;
  return {
    ...{ tool: name, program, image, globals: globals.flatMap(({ words }) => [...words]) },
    pullFlags: flags.flatMap(({ name, value }) =>
      pullFlags.test(name) ? [value === null ? name : `${name}=${value}`] : [],
    ),
    pull: (flags.findLast((flag) => flag.name === "--pull")?.value ?? "missing").toLowerCase(),
    flagsAt: verb + 1,
  };
}

export const isEngine = (tool: string) => tools.get(tool)?.switches === engineSwitches;

/** By which a container can be told to be that of a run. */
export const runLabel = (runId: string) => `ml.run=${runId}`;

/** The same command, its container labelled with the run; any other as it is. */
export function labelled(argv: readonly string[], runId: string): string[] {
  const start = containerStart(argv);
  if (start === null || !isEngine(start.tool)) return [...argv];
  return [...argv.slice(0, start.flagsAt), `--label=${runLabel(runId)}`, ...argv.slice(start.flagsAt)];
}

/** An image in a registry: no file, no other transport, nothing that could be taken for a flag. */
export function isRegistryImage(word: string): boolean {
  return (
    word.length <= 512 &&
    !word.includes("..") &&
    /^(?:docker:\/\/)?[a-z0-9](?:[\w.-]*(?::\d+)?\/)?(?:[\w./-])*(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/i.test(
      word,
    ) &&
    !/^(?:oci|dir|docker-archive|docker-daemon|oci-archive|containers-storage):/.test(word) &&
    // Where podman keeps what was built on this machine.
    !/^localhost\//.test(word)
  );
}

/** The digest that an image is named by; null where it is named by a tag. */
export const digestInName = (image: string) => /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1] ?? null;

/** `docker.io/library/alpine` for `alpine:3`: what engines make of a name without a registry. */
function repositoryOf(image: string): string {
  const plain = image.replace(/^docker:\/\//, "").replace(/@.*$/, "");
  const path = plain.replace(/:[^:/]*$/, "");
  const [first = "", ...rest] = path.split("/");
  if (rest.length > 0 && /[.:]|^localhost$/.test(first)) return path;
  return rest.length > 0 ? `docker.io/${path}` : `docker.io/library/${path}`;
}

/**
 * The digest of an image among those that its engine tells (`repository@sha256:…`, one a line, then the id): that of its own
 * repository first, since one image may have been pulled from several.
 */
export function toldDigest(lines: readonly string[], image: string): string | null {
  const own = repositoryOf(image);
  const told = lines.flatMap((line) => {
    const digest = /sha256:[0-9a-f]{64}/.exec(line)?.[0];
    return digest === undefined ? [] : [{ digest, isOwn: line.includes("@") && repositoryOf(line) === own }];
  });
  return (told.find(({ isOwn }) => isOwn) ?? told[0])?.digest ?? null;
}

/** An image that can be brought to an engine before a run needs it. */
export interface ImageNeed {
  /** Engine, flags, image and what of the environment chooses among engines: runs with the same need the same. */
  id: string;
  tool: string;
  /** Found on the worker's own PATH, whatever the run's says. */
  program: string;
  globals: readonly string[];
  image: string;
  pullFlags: readonly string[];
  /** The command will ask the registry, whether the image is there or not. */
  always: boolean;
  /** What the run adds to the environment. */
  env: Readonly<Record<string, string>>;
  forRun: string | null;
}

/** What chooses the engine, its storage, its registries and credentials; not PATH, on which engines look for programs of others. */
const engineVariable =
  /^(?:HOME|TMPDIR|HTTPS?_PROXY|NO_PROXY|REGISTRY_AUTH_FILE|(?:XDG|DOCKER|CONTAINERS?|CONTAINERD|NERDCTL|BUILDAH|PODMAN|STORAGE)_\w+)$/i;

/** One without a run: `globals` and `env` are the tool's own. */
export function imageNeedOf(image: string, tool: string): ImageNeed {
  return needFrom(
    { tool, program: tool, globals: [], image, pullFlags: [], pull: "missing" },
    { env: {}, forRun: null },
  );
}

function needFrom(
  { tool, program, globals, image, pullFlags: flags, pull }: Omit<ContainerStart, "flagsAt">,
  { env, forRun }: Pick<ImageNeed, "env" | "forRun">,
): ImageNeed {
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => engineVariable.test(name)));
  const always = pull === "always" || pull === "newer" || pull === "true";
  const what = { tool, program, globals, image, pullFlags: flags, always, env: own };
  const id = new Bun.CryptoHasher("sha256").update(JSON.stringify(what)).digest("hex").slice(0, 24);
  return { ...what, id, forRun };
}

/** Null for a run whose command starts no container, or one whose image is on this machine or is not to be pulled. */
export function imageNeed({ argv, launch, run_id }: Pick<Manifest, "argv" | "launch" | "run_id">): ImageNeed | null {
  const start = containerStart(argv);
  if (start === null || !isEngine(start.tool) || !isRegistryImage(start.image)) return null;
  // A path of the code is not there before the run is.
  if (start.pull === "never" || /^[^/]+\//.test(start.program)) return null;
  return needFrom(start, { env: launch.env, forRun: run_id });
}
