/** Who brings a tree to a server: `ml sync`, and Debian's rsync to a daemon of its own, each through whatever port is given. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { plainEnv, timed, waitUntil } from "./measure.ts";
import type { Ours } from "./ours.ts";
import type { BenchContext } from "./table.ts";

/** One who brings a tree to where he keeps it: `port` names a proxy, or his own server. */
export interface Mover {
  name: string;
  port: number;
  move(tree: string, port: number, signal?: AbortSignal): Promise<number>;
}

async function aside(
  command: readonly string[],
  { signal, ...options }: { cwd: string; env: Record<string, string>; signal: AbortSignal | undefined },
): Promise<number> {
  const started = performance.now();
  const child = Bun.spawn([...command], {
    ...{ ...options, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
    ...(signal === undefined ? {} : { signal }),
  });
  const code = await child.exited;
  const ms = performance.now() - started;
  if (code !== 0)
    throw new Error(`\`${command.join(" ")}\` exited with ${code}: ${await new Response(child.stderr).text()}`);
  return ms;
}

export function oursMover(context: BenchContext, ours: Ours): Mover {
  const key = timed([context.ml, "key", "add", "bench", "-q"], { env: ours.env }).stdout.trim();
  const record = JSON.parse(readFileSync(join(ours.base, "server.json"), "utf8")) as { url: string };
  const home = join(context.folder, "client");
  const env = { ...plainEnv(), HOME: home, ML_HOME: home, ML_API_KEY: key, ML_SNAPSHOT_FILE_MAX_MB: "1000" };
  return {
    name: "ml",
    port: Number(new URL(record.url).port),
    move: (tree, port, signal) =>
      aside([context.ml, "sync", "-q"], {
        ...{ cwd: tree, env: { ...env, ML_SERVER_URL: `ws://127.0.0.1:${port}` }, signal },
      }),
  };
}

/** Debian's rsync over a daemon of its own. */
export async function rsyncMovers(context: BenchContext): Promise<Mover[]> {
  const path = Bun.which("rsync");
  if (path === null) return [];
  const folder = join(context.folder, "rsync");
  mkdirSync(join(folder, "kept"), { recursive: true });
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  const config = join(folder, "rsyncd.conf");
  writeFileSync(config, `use chroot = no\n[kept]\npath = ${folder}/kept\nread only = no\n${ownUser()}`);
  const daemon = Bun.spawn([path, "--daemon", "--no-detach", `--config=${config}`, `--port=${port}`], {
    env: plainEnv(),
    stdio: ["ignore", "ignore", "ignore"],
  });
  context.after(async () => {
    daemon.kill();
    await daemon.exited;
  });
  await waitUntil("rsync's daemon", () => listens(path, port), 10_000, 20);
  const mover = (name: string, flags: string[]): Mover => ({
    name,
    port,
    move: (tree, through, signal) =>
      aside(
        [
          path,
          "-a",
          ...flags,
          `${tree}/`,
          `rsync://127.0.0.1:${through}/kept/${name.replaceAll(" ", "")}${tree.replaceAll("/", "_")}/`,
        ],
        {
          cwd: tree,
          env: plainEnv(),
          signal,
        },
      ),
  });
  return [mover("rsync", []), mover("rsync -z", ["-z"]), mover("rsync --partial", ["--partial"])];
}

function ownUser(): string {
  return process.getuid?.() === 0 ? "uid = root\ngid = root\n" : "";
}

function listens(rsync: string, port: number): boolean {
  return Bun.spawnSync([rsync, `rsync://127.0.0.1:${port}/`], { env: plainEnv() }).exitCode === 0;
}
