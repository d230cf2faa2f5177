/**
 * Small contents on their way into objects/: one behind the other in memory, as members of a pack would lie. Few of them
 * leave as files of their own; once they are many they go to one file, whose way to the disk is begun while more come.
 * Nothing is visible until that file is renamed by whoever asked for it.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { fileOps, writeAll } from "../core/durable.ts";
import { fault } from "../core/fault.ts";
import {
  blockBytes,
  memberName,
  mostPackedBytes,
  packEnd,
  padded,
  rowBytes,
  writeHeader,
  writeRow,
} from "./tar-pack.ts";

/** Up to so many that are held together are not worth a pack. */
const fewCount = 64;
const heldBytes = 4 * 1024 * 1024;
/** After so many bytes their way to the disk is begun: less is left to wait for in the end. */
const writeBackBytes = 8 * 1024 * 1024;

export class PackWriter {
  readonly #path: string;
  readonly #mtimeMs = Date.now();
  #held = Buffer.alloc(0);
  /** Of what is held: whole members, and after them the content that is being written. */
  #used = 0;
  #openBytes = 0;
  #rows = Buffer.alloc(64 * rowBytes);
  readonly #hashes = new Set<string>();
  #fd = -1;
  #written = 0;
  #fresh = 0;
  #syncing: Promise<void> | null = null;
  /** Why the disk refused something, once it has: what the file has then is not what its index would say. */
  #refused: unknown = null;

  /** `path`: where the pack is written if there is one. */
  constructor(path: string) {
    this.#path = path;
  }

  get count(): number {
    return this.#hashes.size;
  }

  /** Of members, headers included. */
  get bytes(): number {
    return this.#written + this.#used;
  }

  has(hash: string): boolean {
    return this.#hashes.has(hash);
  }

  /** True where what there is leaves as files. */
  get isFew(): boolean {
    return this.#fd < 0 && this.count <= fewCount;
  }

  /** Begins a content of at most `mostPackedBytes`; one that was not ended is forgotten. Throws system errors, as all that follows. */
  begin(): void {
    this.#openBytes = 0;
    if (this.#held.length === 0) this.#held = Buffer.allocUnsafeSlow(heldBytes);
    if (this.#used + 2 * blockBytes + mostPackedBytes > heldBytes) this.#flush();
  }

  write(chunk: Uint8Array): void {
    // One that is longer than it was to be has not its hash either.
    const room = mostPackedBytes + 1 - this.#openBytes;
    const piece = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#held.set(piece, this.#used + blockBytes + this.#openBytes);
    this.#openBytes += piece.length;
  }

  /** False where the content has another hash; it is forgotten then. */
  end(hash: string): boolean {
    const size = this.#openBytes;
    this.#openBytes = 0;
    const from = this.#used + blockBytes;
    const content = this.#held.subarray(from, from + size);
    if (size > mostPackedBytes || new Bun.CryptoHasher("sha256").update(content).digest("hex") !== hash) return false;
    writeHeader(this.#held.subarray(this.#used), { name: memberName(hash), size, mtimeMs: this.#mtimeMs });
    this.#held.fill(0, from + size, from + padded(size));
    const at = this.count * rowBytes;
    if (at === this.#rows.length) this.#rows = Buffer.concat([this.#rows], at * 2);
    writeRow(this.#rows, at, { hash, offset: this.#written + from, size });
    this.#hashes.add(hash);
    this.#used = from + padded(size);
    return true;
  }

  #append(bytes: Buffer): void {
    if (this.#refused !== null) throw this.#refused;
    try {
      fault("objects/write");
      if (this.#fd < 0) this.#fd = fileOps.open(this.#path, "wx", 0o444);
      writeAll(this.#fd, bytes);
    } catch (cause) {
      // A part of it may be in the file: nothing can follow it.
      this.#refused = cause;
      throw cause;
    }
    this.#written += bytes.length;
    this.#fresh += bytes.length;
  }

  #flush(): void {
    this.#append(this.#held.subarray(0, this.#used));
    this.#used = 0;
    if (this.#fresh < writeBackBytes || this.#syncing !== null) return;
    this.#fresh = 0;
    this.#syncing = fileOps
      .fsyncAside(this.#fd)
      .catch((cause) => {
        // The system tells it once: nobody hears of it again.
        this.#refused ??= cause;
      })
      .finally(() => {
        this.#syncing = null;
      });
  }

  /** Writes each content to a file of its own in `folder`, called by its hash; those are not durable yet. */
  spread(folder: string): string[] {
    for (let row = 0; row < this.count; row += 1) {
      const hash = this.#rows.toString("hex", row * rowBytes, row * rowBytes + 32);
      const from = Number(this.#rows.readBigUInt64LE(row * rowBytes + 32));
      const size = this.#rows.readUInt32LE(row * rowBytes + 40);
      const path = join(folder, hash);
      // One that had come without a name is there already.
      if (fs.existsSync(path)) continue;
      fault("objects/write");
      const fd = fileOps.open(path, "wx", 0o444);
      try {
        writeAll(fd, this.#held.subarray(from, from + size));
      } finally {
        fileOps.close(fd);
      }
    }
    return [...this.#hashes];
  }

  /** Ends the pack: durable at its path when it resolves. Returns where its contents lie. */
  async finish(): Promise<Buffer> {
    const rows = this.#rows.subarray(0, this.count * rowBytes);
    this.#append(this.#held.subarray(0, this.#used));
    this.#used = 0;
    this.#append(packEnd(rows, this.#mtimeMs));
    fault("objects/pack-written");
    await this.#syncing;
    await fileOps.fsyncAside(this.#fd);
    if (this.#refused !== null) throw this.#refused;
    const fd = this.#fd;
    this.#fd = -1;
    fileOps.close(fd);
    return rows;
  }

  /** Forgets what was not finished. Never throws. */
  discard(): void {
    const fd = this.#fd;
    if (fd < 0) return;
    this.#fd = -1;
    void Promise.resolve(this.#syncing).then(() => {
      try {
        fileOps.close(fd);
      } catch {
        // It is removed in any case.
      }
    });
    fs.rmSync(this.#path, { force: true });
  }
}
