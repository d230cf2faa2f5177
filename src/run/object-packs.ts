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
}

export interface PackPlace {
  pack: Pack;
  offset: number;
  size: number;
}

/** So long after a change a folder may change once more without a new time: file systems count in steps. */
const unsureMs = 2500;

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
  #used = 0;
  /** The hash that is sought, in bytes. */
  readonly #wanted = Buffer.alloc(32);
  #changedMs = Number.NaN;
  #listedMs = 0;

  constructor(base: BasePaths) {
    this.#folder = packsFolder(base);
  }

  /** Where a content lies, by what is known. */
  find(hash: string): PackPlace | null {
    const slot = this.#seek(hash);
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
  #seek(hash: string): number {
    if (this.#used === 0) return 0;
    const wanted = this.#wanted;
    wanted.write(hash, "hex");
    const mask = this.#slotRows.length - 1;
    for (let slot = wanted.readUInt32LE(0) & mask; ; slot = (slot + 1) & mask) {
      const pack = this.#slotPacks[slot];
      if (pack === undefined) return slot;
      const at = (this.#slotRows[slot] ?? 0) * rowBytes;
      if (pack.rows.compare(wanted, 0, 32, at, at + 32) === 0 && !pack.damaged.has(hash)) return slot;
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
      if (this.#packs.size > 0) this.#keep(new Map());
      return;
    }
    if (!always && stat.mtimeMs === this.#changedMs && this.#listedMs - stat.mtimeMs > unsureMs) return;
    this.#changedMs = stat.mtimeMs;
    this.#listedMs = Date.now();
    this.#list();
  }

  #list(): void {
    const names = new Set(fs.readdirSync(this.#folder));
    const found = new Map<string, Pack>();
    let isSame = true;
    for (const file of names) {
      if (!file.endsWith(".tar") || file.startsWith(".")) continue;
      const name = file.slice(0, -".tar".length);
      const known = this.#packs.get(name);
      const pack = known ?? this.#read(name);
      if (pack === null) continue;
      if (names.has(`${name}.damaged`)) pack.damaged = readDamaged(pack);
      found.set(name, pack);
      isSame &&= known !== undefined;
    }
    if (isSame && found.size === this.#packs.size) return;
    this.#keep(found);
  }

  /** Null where it went meanwhile, or cannot be read: then nothing of it is here. */
  #read(name: string): Pack | null {
    const path = join(this.#folder, `${name}.tar`);
    try {
      return { name, path, rows: readPackRows(path), damaged: new Set() };
    } catch (cause) {
      if (systemCode(cause) === null) throw cause;
      return null;
    }
  }

  /** A pack that has just been put there with these rows. */
  add(name: string, rows: Buffer): void {
    this.#enter({ name, path: join(this.#folder, `${name}.tar`), rows, damaged: new Set() });
  }

  /** Packs that have just been removed. */
  forget(names: readonly string[]): void {
    const left = new Map(this.#packs);
    for (const name of names) left.delete(name);
    this.#keep(left);
  }

  /** A content of a pack is not what its hash says: from now on it is not there, for everybody and for good. */
  setDamaged(pack: Pack, hash: string): void {
    const damaged = readDamaged(pack).add(hash);
    writeDurable(damagedPath(pack), [...damaged].map((one) => `${one}\n`).join(""));
    pack.damaged = damaged;
  }

  #keep(packs: ReadonlyMap<string, Pack>): void {
    this.#packs.clear();
    this.#slotPacks = [];
    this.#slotRows = new Uint32Array(0);
    this.#used = 0;
    for (const pack of packs.values()) this.#enter(pack);
  }

  #enter(pack: Pack): void {
    if (this.#packs.has(pack.name)) return;
    this.#packs.set(pack.name, pack);
    const count = pack.rows.length / rowBytes;
    const wanted = 2 ** Math.ceil(Math.log2((this.#used + count) * 2 + 2));
    if (wanted > this.#slotRows.length) {
      this.#slotPacks = new Array(wanted).fill(undefined);
      this.#slotRows = new Uint32Array(wanted);
      this.#used = 0;
      for (const known of this.#packs.values()) this.#place(known);
    } else this.#place(pack);
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
