/**
 * A real podman with storage of its own, and a real registry on loopback, each in a temporary folder: nothing of this machine's
 * containers is seen or touched. As root in a sandbox: the vfs driver, no control groups of systemd's, the host's network.
 */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./temp.ts";

/** The programs that it needs (packages podman, runc, docker-registry, busybox-static). */
export const podmanPrograms = ["podman", "runc", "docker-registry", "busybox"];

/** Why no container can be run here although the programs are: a sandbox that forbids it. Null where one runs. */
export function whyNoContainers(): string | null {
  const folder = fs.mkdtempSync(join(tmpdir(), "ml-podman-tried-"));
  try {
    const env = engineSettings(folder, []);
    const root = fs.mkdtempSync(join(folder, "root-"));
    fs.copyFileSync(Bun.which("busybox") ?? "/bin/busybox", join(root, "true"));
    Bun.spawnSync(["tar", "-C", root, "-cf", `${root}.tar`, "."]);
    for (const words of [
      ["import", "--quiet", `${root}.tar`, "tried:1"],
      ["run", "--rm", "tried:1", "/true"],
      ["rmi", "--force", "tried:1"],
    ]) {
      const { exitCode, stderr } = Bun.spawnSync(["podman", ...words], { env });
      if (exitCode !== 0) return `podman ${words[0]}: ${stderr.toString().trim().split("\n").at(-1)}`;
    }
    return null;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

export interface PodmanLab {
  /** For workers and for `podman` itself. */
  env: Record<string, string>;
  /** `127.0.0.1:PORT`. */
  registry: string;
  podman(...words: string[]): { code: number; out: string; err: string };
  /** Makes an image of a busybox with `text` in /said, pushes it, and removes it here; gives its digest in the registry. */
  publish(image: string, text: string): string;
  has(image: string): boolean;
  close(): Promise<void>;
}

/** Where nothing else listens: the kernel chooses, and the log tells. */
async function startRegistry(folder: string) {
  const config = join(folder, "registry.yml");
  const storage = `storage: {filesystem: {rootdirectory: "${folder}/images"}}`;
  fs.writeFileSync(config, `version: 0.1\nlog: {level: info}\n${storage}\nhttp: {addr: "127.0.0.1:0"}\n`);
  const path = join(folder, "registry.log");
  const log = fs.openSync(path, "w");
  const server = Bun.spawn(["docker-registry", "serve", config], { stdio: ["ignore", log, log] });
  fs.closeSync(log);
  const at = await until("the registry", () => /listening on (127\.0\.0\.1:\d+)/.exec(fs.readFileSync(path, "utf8")));
  return { server, address: at[1] ?? "" };
}

/** The environment of a podman whose storage and settings lie in `folder`; `registries` are spoken to without TLS. */
function engineSettings(folder: string, registries: readonly string[]): Record<string, string> {
  const put = (name: string, text: string) => {
    fs.writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const plain = registries.map((at) => `[[registry]]\nlocation = "${at}"\ninsecure = true\n`);
  const own = (name: string) => JSON.stringify(join(folder, name));
  const storage = `[storage]\ndriver = "vfs"\ngraphroot = ${own("graph")}\nrunroot = ${own("run")}\n`;
  const engine = `[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\nruntime = "runc"\ntmp_dir = ${own("tmp")}\n`;
  const limits = `[containers]\nnetns = "host"\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n`;
  return {
    ...(process.env as Record<string, string>),
    CONTAINERS_STORAGE_CONF: put("storage.conf", storage),
    CONTAINERS_CONF: put("containers.conf", `${engine}${limits}`),
    CONTAINERS_REGISTRIES_CONF: put("registries.conf", plain.join("")),
  };
}

/** `insecure`: other addresses that are spoken to without TLS, such as a proxy before the registry. */
export async function openPodman({ insecure = [] as readonly string[] } = {}): Promise<PodmanLab> {
  const folder = fs.mkdtempSync(join(tmpdir(), "ml-podman-"));
  const { server, address: registry } = await startRegistry(folder);
  const env = engineSettings(folder, [registry, ...insecure]);
  const podman: PodmanLab["podman"] = (...words) => {
    const { exitCode: code, stdout, stderr } = Bun.spawnSync(["podman", ...words], { env });
    return { code, out: stdout.toString().trim(), err: stderr.toString().trim() };
  };
  const must = (...words: string[]) => {
    const { code, err } = podman(...words);
    if (code !== 0) throw new Error(`podman ${words.join(" ")}: ${err}`);
  };
  const busybox = Bun.which("busybox") ?? "/bin/busybox";
  return {
    env,
    registry,
    podman,
    publish(image, text) {
      const root = fs.mkdtempSync(join(folder, "root-"));
      fs.mkdirSync(join(root, "bin"));
      fs.copyFileSync(busybox, join(root, "bin/busybox"));
      for (const name of ["sh", "cat", "sleep", "echo"]) fs.symlinkSync("busybox", join(root, "bin", name));
      fs.writeFileSync(join(root, "said"), `${text}\n`);
      Bun.spawnSync(["tar", "-C", root, "-cf", `${root}.tar`, "."]);
      must("import", "--quiet", `${root}.tar`, image);
      must("push", "--quiet", "--digestfile", `${root}.digest`, image);
      must("rmi", "--force", image);
      return fs.readFileSync(`${root}.digest`, "utf8").trim();
    },
    has: (image) => podman("image", "exists", image).code === 0,
    async close() {
      podman("rm", "--all", "--force", "--time", "0");
      server.kill();
      await server.exited;
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}
