/**
 * A large file that has been changed goes to the server while it is still being hashed: one reading finds its hash and what
 * it has in common with the version that was sent before, and the server builds it meanwhile. It has no name yet, so the
 * server stores it under the hash that comes of it. Only a guess: where anything is not as hoped, nothing is lost but that.
 */
import * as fs from "node:fs";
import type { SnapshotFile } from "../run/snapshot.ts";
import { fileSource } from "./byte-source.ts";
import { FollowedSums } from "./followed-sums.ts";
import { type HashedFile, sameStat } from "./hash-file.ts";
import type { PackEntry } from "./pack-content.ts";
import { unnamedHash } from "./pack-format.ts";
import { type Putter, putPack } from "./send-packs.ts";
import type { SentMemory } from "./sent-tree.ts";

/** Smaller files are hashed before a request would have been sent. */
const leastBytes = 8 * 1024 * 1024;
/** New bytes of a file that are sent like this, and which share of it: one with more goes by its name, under which a cut is mended. */
const [mostNewBytes, mostNewShare] = [4 * 1024 * 1024, 1 / 16];

export interface AheadOptions {
  sender: Putter;
  memory: SentMemory;
  compress: boolean;
  bytesPerSecond: number | null;
  signal: AbortSignal;
  /** A server that takes nothing for so long is waited for by others, who say so. 3 s by default. */
  patienceMs?: number;
}

/** What went ahead, once the server has it. */
export interface SentAhead {
  size: number;
  wireBytes: number;
}

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

export class Ahead {
  readonly #options: AheadOptions;
  /** By path; read when the first file asks. */
  #before: Map<string, SnapshotFile> | null = null;
  readonly #storing = new Map<string, Promise<SentAhead | null>>();

  constructor(options: AheadOptions) {
    this.#options = options;
  }

  /** The hash of a file that has been changed since it was sent, which is on its way then; null where this is not for it. */
  async hash(root: string, path: string, size: number): Promise<HashedFile | null> {
    if (size < leastBytes || this.#options.signal.aborted) return null;
    const { memory } = this.#options;
    this.#before ??= new Map((memory.tree()?.files ?? []).map((file) => [file.path, file]));
    const base = this.#before.get(path)?.hash;
    const sums = base === undefined ? null : memory.sums(base);
    if (base === undefined || sums === null) return null;
    // The server builds one while the next is read, and no more than that.
    await [...this.#storing.values()].at(-2);
    let fd = -1;
    try {
      fd = fs.openSync(`${root}/${path}`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      const stat = fs.fstatSync(fd);
      if (!stat.isFile() || stat.size !== size) return null;
      const sum = new Bun.CryptoHasher("sha256");
      const from = { source: fileSource(fd, size, { sum }) };
      const put = this.#put(
        { hash: unnamedHash, size, path, from, by: { base, sums, followed: new FollowedSums(sums) } },
        sum,
        `${root}/${path}`,
      );
      const hash = await put.read;
      if (hash === null || !sameStat(stat, fs.fstatSync(fd))) return null;
      this.#storing.set(hash, put.stored);
      return { hash, stat };
    } catch {
      return null; // Whoever hashes it the usual way says what is wrong.
    } finally {
      if (fd >= 0) fs.closeSync(fd);
    }
  }

  /** Sends it: `read` has the hash once all of it was read, null where it was given up; `stored` when the server has it. */
  #put(
    entry: PackEntry,
    sum: Bun.CryptoHasher,
    file: string,
  ): { read: Promise<string | null>; stored: Promise<SentAhead | null> } {
    const { sender, memory, compress, bytesPerSecond, signal, patienceMs = 3000 } = this.#options;
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(), patienceMs);
    const mostBytes = Math.min(mostNewBytes, entry.size * mostNewShare);
    const read = Promise.withResolvers<string | null>();
    const stored = putPack(sender, [entry], {
      ...{ path: "/blobs", compress, bytesPerSecond, signal: AbortSignal.any([signal, giveUp.signal]) },
      onProgress: ({ wireBytes }) => {
        clearTimeout(timer);
        if (wireBytes > mostBytes) giveUp.abort();
      },
      memory,
      taken: () => {
        const hash = sum.digest("hex");
        read.resolve(hash);
        return [{ ...entry, hash, from: { file } }];
      },
    }).then(
      (wireBytes): SentAhead => ({ size: entry.size, wireBytes }),
      () => null,
    );
    void stored.then(() => {
      clearTimeout(timer);
      read.resolve(null);
    });
    return { read: read.promise, stored };
  }

  /** What the server has by now, by its hash; waits for what is on its way. */
  async arrived(): Promise<Map<string, SentAhead>> {
    const arrived = new Map<string, SentAhead>();
    for (const [hash, stored] of this.#storing) {
      const sent = await stored;
      if (sent !== null) arrived.set(hash, sent);
    }
    return arrived;
  }
}
