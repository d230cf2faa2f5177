/**
 * What the packs under objects/packs/ hold, as one process knows it: hash to pack and place, in one table. The folder is the
 * truth: it is listed again when it has changed and something is not found. A pack is never changed; what of it turned
 * out to be damaged is named in a file beside it and is as if it were not there.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { writeDurable } from "../core/durable.ts";
import { systemCode } from "../core/error.ts";
import type { BasePaths } from "./paths.ts";
import { type PackRow, readPackRows, readRow, rowBytes } from "./tar-pack.ts";

export interface Pack {
  name: string;
  path: string;
  rows: Buffer;
  damaged: ReadonlySet<string>;
  /** It is not there any more; its places in the table go with the next time that this is made anew. */
  isGone?: boolean;
}

export interface PackPlace {
  pack: Pack;
  offset: number;
  size: number;
}

/** So long after a change a folder may change once more without a new time: file systems count in steps. */
const unsureMs = 2500;
/** A pack can be put in the place of another while packs are read one by one: then neither was seen. */
const listings = 4;

export const packsFolder = (base: BasePaths) => join(base.objects, "packs");
const damagedPath = (pack: Pack) => `${pack.path.slice(0, -".tar".length)}.damaged`;

/** The contents of a pack, in the order in which they lie in it. */
export function* rowsOf(pack: Pack): Generator<PackRow> {
  for (let at = 0; at < pack.rows.length; at += rowBytes) yield readRow(pack.rows, at);
}

export class ObjectPacks {
  readonly #folder: string;
  readonly #packs = new Map<string, Pack>();
  /** Open addressing by the first bytes of a hash: which pack, and which row of it. */
  #slotPacks: (Pack | undefined)[] = [];
  #slotRows = new Uint32Array(0);
  /** Rows in the table, and those of them whose pack is there. */
  #used = 0;
  #left = 0;
  /** The hash that is sought, in bytes. */
  readonly #wanted = Buffer.alloc(32);
  #changedMs = Number.NaN;
  #listedMs = 0;

  constructor(base: BasePaths) {
    this.#folder = packsFolder(base);
  }

  /** Where a content lies, by what is known; `beside`: in another pack than that. */
  find(hash: string, beside: Pack | null = null): PackPlace | null {
    const slot = this.#seek(hash, beside);
    const pack = this.#slotPacks[slot];
    if (pack === undefined) return null;
    const { offset, size } = readRow(pack.rows, (this.#slotRows[slot] ?? 0) * rowBytes);
    return { pack, offset, size };
  }

  /** Whether it lies in a pack, by what is known: asked for thousands at once. */
  has(hash: string): boolean {
    return this.#slotPacks[this.#seek(hash)] !== undefined;
  }

  /** The slot of a content; where none has it, one that is empty. `hash` is one: 64 digits. */
  #seek(hash: string, beside: Pack | null = null): number {
    if (this.#used === 0) return 0;
    const wanted = this.#wanted;
    wanted.write(hash, "hex");
    const mask = this.#slotRows.length - 1;
    for (let slot = wanted.readUInt32LE(0) & mask; ; slot = (slot + 1) & mask) {
      const pack = this.#slotPacks[slot];
      if (pack === undefined) return slot;
      const at = (this.#slotRows[slot] ?? 0) * rowBytes;
      if (pack.rows.compare(wanted, 0, 32, at, at + 32) !== 0 || pack.damaged.has(hash)) continue;
      if (!pack.isGone && pack !== beside) return slot;
    }
  }

  all(): Pack[] {
    this.refresh({ always: true });
    return [...this.#packs.values()];
  }

  /** Looks whether packs have come or gone. Without `always` only where the folder has another time, or one too young to tell. */
  refresh({ always = false } = {}): void {
    const stat = fs.statSync(this.#folder, { throwIfNoEntry: false });
    if (stat === undefined) {
      this.#drop([...this.#packs.values()]);
      return;
    }
    if (!always && stat.mtimeMs === this.#changedMs && this.#listedMs - stat.mtimeMs > unsureMs) return;
    this.#changedMs = stat.mtimeMs;
    this.#listedMs = Date.now();
    for (let listing = 1; !this.#list() && listing < listings; ) listing += 1;
  }

  /** False where a pack went while they were read. */
  #list(): boolean {
    const names = new Set(fs.readdirSync(this.#folder));
    const fresh: Pack[] = [];
    let isWhole = true;
    for (const file of names) {
      if (!file.endsWith(".tar") || file.startsWith(".")) continue;
      const name = file.slice(0, -".tar".length);
      const known = this.#packs.get(name);
      const pack = known ?? this.#read(name);
      isWhole &&= pack !== "gone";
      if (typeof pack === "string") continue;
      if (names.has(`${name}.damaged`)) pack.damaged = readDamaged(pack);
      if (known === undefined) fresh.push(pack);
    }
    this.#drop([...this.#packs.values()].filter(({ name }) => !names.has(`${name}.tar`)));
    for (const pack of fresh) this.#enter(pack);
    return isWhole;
  }

  /** Where it cannot be read nothing of it is here. */
  #read(name: string): Pack | "gone" | "unreadable" {
    const path = join(this.#folder, `${name}.tar`);
    try {
      return { name, path, rows: readPackRows(path), damaged: new Set() };
    } catch (cause) {
      if (systemCode(cause) === null) throw cause;
      return systemCode(cause) === "ENOENT" ? "gone" : "unreadable";
    }
  }

  /** A pack that has just been put there with these rows. */
  add(name: string, rows: Buffer): void {
    this.#enter({ name, path: join(this.#folder, `${name}.tar`), rows, damaged: new Set() });
  }

  /** Packs that have just been removed. */
  forget(names: readonly string[]): void {
    this.#drop(names.flatMap((name) => this.#packs.get(name) ?? []));
  }

  /** A content of a pack is not what its hash says: from now on it is not there, for everybody and for good. */
  setDamaged(pack: Pack, hash: string): void {
    const damaged = readDamaged(pack).add(hash);
    writeDurable(damagedPath(pack), [...damaged].map((one) => `${one}\n`).join(""));
    pack.damaged = damaged;
  }

  /** The table is made anew once less than half of it is there: many that go one by one cost no more than together. */
  #drop(packs: readonly Pack[]): void {
    for (const pack of packs) {
      pack.isGone = true;
      this.#packs.delete(pack.name);
      this.#left -= pack.rows.length / rowBytes;
    }
    if (this.#left * 2 < this.#used) this.#rebuild();
  }

  #enter(pack: Pack): void {
    if (this.#packs.has(pack.name)) return;
    this.#packs.set(pack.name, pack);
    const count = pack.rows.length / rowBytes;
    this.#left += count;
    if ((this.#used + count) * 2 > this.#slotRows.length) this.#rebuild();
    else this.#place(pack);
  }

  #rebuild(): void {
    const slots = 2 ** Math.ceil(Math.log2(this.#left * 2 + 2));
    this.#slotPacks = new Array(slots).fill(undefined);
    this.#slotRows = new Uint32Array(slots);
    this.#used = 0;
    for (const pack of this.#packs.values()) this.#place(pack);
  }

  #place(pack: Pack): void {
    const mask = this.#slotRows.length - 1;
    const count = pack.rows.length / rowBytes;
    for (let row = 0; row < count; row += 1) {
      let slot = pack.rows.readUInt32LE(row * rowBytes) & mask;
      while (this.#slotPacks[slot] !== undefined) slot = (slot + 1) & mask;
      this.#slotPacks[slot] = pack;
      this.#slotRows[slot] = row;
    }
    this.#used += count;
  }
}

function readDamaged(pack: Pack): Set<string> {
  try {
    return new Set(fs.readFileSync(damagedPath(pack), "utf8").match(/^[0-9a-f]{64}$/gm) ?? []);
  } catch (cause) {
    if (systemCode(cause) === null) throw cause;
    return new Set();
  }
}

/** Removes a pack, and what was said of it. Throws system errors. */
export function removePack(pack: Pack): void {
  fs.rmSync(pack.path, { force: true });
  fs.rmSync(damagedPath(pack), { force: true });
}

const known = new Map<string, ObjectPacks>();

export function packsOf(base: BasePaths): ObjectPacks {
  const found = known.get(base.objects);
  if (found !== undefined) return found;
  const packs = new ObjectPacks(base);
  known.set(base.objects, packs);
  return packs;
}
