/**
 * A real network mount for tests: a folder shown through FUSE (nas.c) as `fuse.sshfs` of `nas:/export`, which can be made
 * slow, hung, lossy and forbidding, unmounted and mounted again. Compiled where the program is not there yet.
 */
import { test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mountOf } from "../../src/core/mount-table.ts";
import { afterTest } from "./after-test.ts";
import { until } from "./temp.ts";

/** As nas.c has them; none: all is well. */
export type NasOrder =
  | "hang"
  | "hang-reads"
  | "deny"
  | `delay-ms ${number}`
  | `fail-every ${number}`
  | `short ${number}`;

export interface Nas {
  /** Where it is mounted. */
  point: string;
  /** What it shows, without the mount between. */
  behind: string;
  obey(...orders: NasOrder[]): void;
  /** Away, as by `umount -l`: what is open stays so. */
  unmount(): void;
  /** There again, by a fresh process. */
  mount(): Promise<void>;
  /** The process behind it dies: whoever waits gets ENOTCONN. */
  die(): Promise<void>;
}

const source = join(import.meta.dir, "nas.c");

/** The program, or why there is none. */
function compiled(): { path: string } | { reason: string } {
  if (process.getuid?.() !== 0 || !existsSync("/dev/fuse"))
    return { reason: "mounting by FUSE needs root and /dev/fuse" };
  const flags = Bun.spawnSync(["sh", "-c", "command -v cc >/dev/null && pkg-config --cflags --libs fuse3"]);
  if (flags.exitCode !== 0) return { reason: "cc, pkg-config or libfuse3-dev is not installed" };
  const text = Bun.spawnSync(["cat", source]).stdout;
  const path = join(tmpdir(), `ml-nas-${Bun.hash(text).toString(36)}`);
  if (existsSync(path)) return { path };
  const making = `${path}.${process.pid}`;
  const built = Bun.spawnSync(["cc", "-O1", "-o", making, source, ...flags.stdout.toString().trim().split(/\s+/)]);
  if (built.exitCode !== 0) return { reason: `nas.c does not compile: ${built.stderr}` };
  renameSync(making, path);
  return { path };
}

const program = compiled();

/** `test` where FUSE can be mounted; otherwise one that skips loudly. */
export const onFuse: typeof test = (() => {
  if ("path" in program) return test;
  const skipped = (name: string) => {
    console.log(`SKIPPED ${name}: ${program.reason}`);
    test.skip(name, () => {});
  };
  return skipped as unknown as typeof test;
})();

/** Mounted, and gone with everything that waits for it after the running test. */
export async function openNas(): Promise<Nas> {
  if (!("path" in program)) throw new Error(program.reason);
  const folder = mkdtempSync(join(tmpdir(), "ml-nas-"));
  const [behind, point, orders] = [join(folder, "behind"), join(folder, "nas"), join(folder, "orders")];
  for (const path of [behind, point]) mkdirSync(path);
  writeFileSync(orders, "");
  let daemon: Bun.Subprocess | null = null;
  const isMounted = () => mountOf(point)?.point === point;
  const unmount = () => {
    if (isMounted()) Bun.spawnSync(["umount", "-l", point]);
  };
  const die = async () => {
    daemon?.kill("SIGKILL");
    await daemon?.exited;
  };
  const mount = async () => {
    const options = ["-f", "-o", "fsname=nas:/export,subtype=sshfs,allow_other"];
    daemon = Bun.spawn([program.path, behind, orders, point, ...options], { stdout: "ignore", stderr: "ignore" });
    await until("the mount", isMounted);
  };
  afterTest(async () => {
    writeFileSync(orders, "");
    unmount();
    await die();
    rmSync(folder, { recursive: true, force: true });
  });
  await mount();
  return {
    ...{ point, behind, unmount, mount, die },
    obey: (...said) => {
      const next = `${orders}.next`;
      writeFileSync(next, said.join("\n"));
      renameSync(next, orders);
    },
  };
}
