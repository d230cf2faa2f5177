/**
 * What the data view shows: the registered datasets, the one that is looked at, what lies on the local disks. Asked for while
 * the view is on the screen: soon again where something is under way, else now and then.
 */
import type { Connection } from "../client/connection.ts";
import { messageOf } from "../core/error.ts";
import type { Reply } from "../protocol/requests.ts";

export type Dataset = Reply<"dataset.list">["datasets"][number];

const busyMs = 1000;
const idleMs = 10_000;
const shownRuns = 20;

export class Datasets {
  /** Null until the first answer is there. */
  datasets: readonly Dataset[] | null = null;
  shown: Reply<"dataset.show"> | null = null;
  stores: Reply<"prewarm.list"> | null = null;
  problem: string | null = null;
  private askedAtMs = Number.NEGATIVE_INFINITY;
  private askedFor: string | null = null;
  private busy = false;

  constructor(
    private readonly connection: Connection,
    private readonly onChange: () => void,
  ) {}

  /** Something is on its way to a disk. */
  get copying(): boolean {
    return this.stores?.workers.some((store) => store.copying.length > 0) === true;
  }

  /** Something was changed: the next picture asks for everything again. */
  forget(): void {
    this.askedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** `name`: the dataset that is looked at. Throws nothing. */
  async want(name: string | null): Promise<void> {
    const isFresh = performance.now() - this.askedAtMs < (this.copying ? busyMs : idleMs) && this.askedFor === name;
    if (this.busy || isFresh) return;
    this.busy = true;
    this.askedAtMs = performance.now();
    this.askedFor = name;
    try {
      const [list, stores, shown] = await Promise.all([
        this.connection.ask("dataset.list", {}),
        this.connection.ask("prewarm.list", {}),
        name === null ? null : this.connection.ask("dataset.show", { name, limit: shownRuns }),
      ]);
      Object.assign(this, { datasets: list.datasets, stores, shown, problem: null });
    } catch (cause) {
      this.problem = messageOf(cause);
    } finally {
      this.busy = false;
      this.onChange();
    }
  }
}
