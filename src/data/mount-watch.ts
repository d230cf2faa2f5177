/**
 * Watches the network mounts that hold datasets or copies of them: asks each for a sign of life, in a child process, and says of each how
 * it does. How often depends on who would care: every four seconds while data is read, while somebody watches, and after
 * trouble; every minute while runs wait; every five minutes otherwise. Where no dataset lies on a network mount nothing
 * is asked, and where a mount holds a process of ours already (stuck.ts) that process is watched and the mount left alone.
 *
 * Which mount a folder is on is read from the mount table, by its real path once that is known.
 */
import { asMlError } from "../core/error.ts";
import { hangingMountOf, isNetworkType, type Mount, mountOf, readMounts } from "../core/mount-table.ts";
import type { MountFacts, Silence } from "../run/mount-facts.ts";
import { askPlace } from "./ask-place.ts";
import { MountHealth, silentAfterMs } from "./mount-health.ts";
import type { Courtesy } from "./pace.ts";
import { silentSince } from "./stuck.ts";

/** A dataset and a folder of it. */
export interface WatchedPlace {
  name: string;
  path: string;
}

export interface MountWatchOptions {
  places(): readonly WatchedPlace[];
  /** Where copies of datasets lie; null where none are made. */
  copies: string | null;
  /** How much depends on the mounts now. */
  interest(): "much" | "some" | "little";
  stallMs: number;
  nowMs(): number;
  /** A state has changed. */
  onChange(): void;
}

const everyMs = { much: 4000, some: 60_000, little: 300_000 };
const troubledMs = 4000;
/** Whoever calls has beats of his own. */
const earlyMs = 500;
const unknownPlaceMs = 60_000;

const isIn = (path: string, point: string) => path === point || path.startsWith(`${point}/`);

interface Watched {
  health: MountHealth;
  names: string[];
  holdsCopies: boolean;
  asking: boolean;
  /** Monotonic. */
  askedMs: number;
}

export class MountWatch {
  readonly #mounts = new Map<number, Watched>();
  readonly #real = new Map<string, { path: string | null; atMs: number }>();

  constructor(private readonly options: MountWatchOptions) {}

  /** Asks whom it is time to ask; to be called every few seconds. Throws nothing and waits for nothing. */
  look(): void {
    const { places, copies } = this.options;
    if (places().length === 0 && copies === null && this.#mounts.size === 0) return;
    try {
      this.#sort();
    } catch {
      // The table cannot be read now.
      return;
    }
    const dueMs = everyMs[this.options.interest()];
    for (const watched of this.#mounts.values()) {
      const { state, mount } = watched.health;
      const rested = performance.now() - watched.askedMs;
      const isBack = state === "silent" && silentSince(mount.point) === null;
      if (isBack || rested > (state === "ok" ? dueMs : troubledMs) - earlyMs) this.#ask(watched);
    }
  }

  /** Which folder lies on which mount now; a mount that is not in the table any more while a folder was on it is gone. */
  #sort(): void {
    const table = readMounts();
    const { nowMs } = this.options;
    const found = new Map<number, { mount: Mount; names: string[]; holdsCopies: boolean }>();
    const points = new Set<string>();
    const on = (mount: Mount) => {
      const one = found.get(mount.mountId) ?? { mount, names: [], holdsCopies: false };
      found.set(mount.mountId, one);
      points.add(mount.point);
      return one;
    };
    for (const { name, path } of this.options.places()) {
      const mount = this.#mountOf(path, table);
      if (mount === null) continue;
      const { names } = on(mount);
      if (!names.includes(name)) names.push(name);
    }
    const { copies } = this.options;
    const copiesOn = copies === null ? null : hangingMountOf(copies, table);
    if (copiesOn !== null) on(copiesOn).holdsCopies = true;
    for (const [mountId, watched] of this.#mounts) {
      if (found.has(mountId)) continue;
      const { point } = watched.health.mount;
      const stillMeant =
        this.options.places().some(({ path }) => isIn(path, point)) || (copies !== null && isIn(copies, point));
      if (!stillMeant || points.has(watched.health.mount.point)) this.#mounts.delete(mountId);
      else if (!table.some((mount) => mount.mountId === mountId))
        this.#told(watched, () => watched.health.gone(nowMs()));
    }
    for (const [mountId, { mount, names, holdsCopies }] of found) {
      const known = this.#mounts.get(mountId);
      if (known === undefined)
        this.#mounts.set(mountId, {
          health: new MountHealth(mount),
          names,
          holdsCopies,
          asking: false,
          askedMs: Number.NEGATIVE_INFINITY,
        });
      else Object.assign(known, { names, holdsCopies });
    }
  }

  /** The network mount of a folder; null for a local one, and while nobody knows where a link leads. */
  #mountOf(path: string, table: readonly Mount[]): Mount | null {
    const network = (at: string) => {
      const mount = mountOf(at, table);
      return mount !== null && isNetworkType(mount.type) ? mount : null;
    };
    const known = this.#real.get(path);
    const named = network(path);
    if (named !== null) return named;
    if (known?.path != null) return network(known.path);
    const nowMs = performance.now();
    if (known === undefined || nowMs - known.atMs > unknownPlaceMs) {
      this.#real.set(path, { path: null, atMs: nowMs });
      askPlace(path, { stallMs: this.options.stallMs }).then(
        ({ realPath }) => void this.#real.set(path, { path: realPath, atMs: nowMs }),
        () => {},
      );
    }
    return null;
  }

  #told(watched: Watched, act: () => void): void {
    const before = watched.health.state;
    act();
    if (watched.health.state !== before) this.options.onChange();
  }

  #ask(watched: Watched): void {
    const { health } = watched;
    const { point } = health.mount;
    const { nowMs, stallMs } = this.options;
    if (watched.asking || !readMounts().some(({ mountId }) => mountId === health.mount.mountId)) return;
    const since = silentSince(point);
    if (since !== null) {
      this.#told(watched, () => health.silent(since.getTime()));
      return;
    }
    watched.asking = true;
    watched.askedMs = performance.now();
    const askedMs = nowMs();
    const owing = setTimeout(() => this.#told(watched, () => health.silent(askedMs)), silentAfterMs);
    askPlace(point, { stallMs, toList: false })
      .then(
        ({ latencyMs }) => this.#told(watched, () => health.answered(latencyMs, nowMs())),
        (cause) => {
          const { code } = asMlError(cause);
          this.#told(watched, () => (code === "try_later" ? health.silent(askedMs) : health.gone(nowMs())));
        },
      )
      .finally(() => {
        clearTimeout(owing);
        watched.asking = false;
      });
  }

  /** Something is wrong with one of them. */
  isTroubled(): boolean {
    return [...this.#mounts.values()].some(({ health }) => health.state === "silent" || health.state === "gone");
  }

  facts(): MountFacts[] {
    return [...this.#mounts.values()].map(({ health, names, holdsCopies }) => health.facts(names, holdsCopies));
  }

  /** Null where it lies on no network mount. */
  courtesyAt(name: string): Courtesy | null {
    const found = [...this.#mounts.values()].find(({ names }) => names.includes(name));
    return found === undefined ? null : { calmMs: found.health.fastestMs() };
  }

  /** When the mount of a dataset, or of the copies, was silent or gone in that time. */
  silencesOf(what: { dataset: string } | "copies", fromMs: number, toMs: number): Silence[] {
    return [...this.#mounts.values()]
      .filter(({ names, holdsCopies }) => (what === "copies" ? holdsCopies : names.includes(what.dataset)))
      .flatMap(({ health }) => health.silencesIn(fromMs, toMs));
  }

  /** Since when the mount of the copies gives no answer or is gone; null where it is well, or is none. */
  copiesSilentSince(): Date | null {
    const found = [...this.#mounts.values()].find(({ holdsCopies }) => holdsCopies)?.health;
    return found?.state === "silent" || found?.state === "gone" ? new Date(found.sinceMs ?? 0) : null;
  }
}
