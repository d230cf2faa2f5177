/**
 * Energy of the processors by the kernel's powercap interface (Documentation/power/powercap): a counter a package, in
 * microjoules, that wraps. Readable by root alone since 2020 (CVE-2020-8694), and absent in most virtual machines: then null.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { Counter } from "./counter.ts";

interface Package {
  path: string;
  counter: Counter;
}

export class Rapl {
  readonly #packages: Package[];

  constructor(root = "/") {
    const folder = join(root, "sys/class/powercap");
    const names = (() => {
      try {
        return fs.readdirSync(folder).filter((name) => /^intel-rapl:\d+$/.test(name));
      } catch {
        return [];
      }
    })();
    this.#packages = names.flatMap((name) => {
      const path = join(folder, name, "energy_uj");
      if (numberIn(path) === null) return [];
      return [{ path, counter: new Counter(numberIn(join(folder, name, "max_energy_range_uj"))) }];
    });
  }

  /** Whether there is anything to read. */
  get known(): boolean {
    return this.#packages.length > 0;
  }

  get partial(): boolean {
    return this.#packages.some(({ counter }) => counter.partial);
  }

  /** Joules of all packages since the last look. */
  grownJ(): number {
    return this.#packages.reduce((sum, { path, counter }) => sum + counter.grown(numberIn(path)) / 1e6, 0);
  }
}

function numberIn(path: string): number | null {
  try {
    const text = fs.readFileSync(path, "utf8").trim();
    return /^\d+$/.test(text) ? Number(text) : null;
  } catch {
    return null;
  }
}
