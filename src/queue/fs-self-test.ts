/**
 * Can this folder hold a queue? Tried out on the spot, because what a mount promises depends on the server, its options
 * and the layers between: exclusive creation by link, the link count, rename that happens once and is seen at once,
 * and locks. Tells the truth of this host only; another host's cached listings are stale at worst, since every
 * change is decided by the rename itself.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { MlError, messageOf, systemCode } from "../core/error.ts";
import { tryLock } from "../core/file-lock.ts";

/** The operations on which the queue rests; replaced in tests by ones that misbehave. */
export interface QueueFileOps {
  link(from: string, to: string): void;
  rename(from: string, to: string): void;
  list(folder: string): string[];
  links(path: string): number;
}

export const queueFileOps: QueueFileOps = {
  link: (from, to) => fs.linkSync(from, to),
  rename: (from, to) => fs.renameSync(from, to),
  list: (folder) => fs.readdirSync(folder),
  links: (path) => fs.statSync(path).nlink,
};

/** Throws `bad_config` with the reason where `folder` (existing) cannot hold a queue. Leaves nothing behind. */
export function checkQueueFolder(folder: string, ops: QueueFileOps = queueFileOps): void {
  const probe = fs.mkdtempSync(join(folder, ".probe-"));
  try {
    const reason = findFault(probe, ops);
    if (reason === null) return;
    throw new MlError("bad_config", `the folder \`${folder}\` cannot hold a queue: ${reason}`, {
      hint: "set `queue_backend` to `sqlite` with `state_dir` on a local disk (`ml config set queue_backend sqlite`)",
    });
  } finally {
    fs.rmSync(probe, { recursive: true, force: true });
  }
}

/** What is wrong, as the end of a sentence, or null. */
function findFault(probe: string, ops: QueueFileOps): string | null {
  const [first, second, name, moved] = ["first", "second", "name", "moved"].map((word) => join(probe, word)) as Paths;
  try {
    fs.writeFileSync(first, "first");
    fs.writeFileSync(second, "second");
    ops.link(first, name);
    if (attempt(() => ops.link(second, name)) !== "EEXIST") return "a second link to one name is not refused";
    if (fs.readFileSync(name, "utf8") !== "first") return "a second link replaced the first";
    if (ops.links(first) !== 2) return "it does not count hard links";
    ops.rename(name, moved);
    if (fs.existsSync(name) || !fs.existsSync(moved)) return "a rename is not seen at once";
    const names = ops.list(probe).sort().join();
    if (names !== "first,moved,second") return `a listing after a rename shows ${names}: it is cached`;
    if (attempt(() => ops.rename(name, moved)) !== "ENOENT") return "a rename of a file that is gone is not refused";
    fs.unlinkSync(moved);
    if (ops.links(first) !== 1) return "its count of hard links is cached";
  } catch (cause) {
    return `${messageOf(cause)}`;
  }
  const lock = tryLock(join(probe, "lock"));
  const again = tryLock(join(probe, "lock"));
  again?.release();
  lock?.release();
  return lock === null || again !== null ? "file locks (flock) do not exclude each other" : null;
}

type Paths = [string, string, string, string];

function attempt(act: () => void): string | null {
  try {
    act();
    return null;
  } catch (cause) {
    return systemCode(cause);
  }
}
