/**
 * The waiting line in one SQLite file: the default. Several processes of one machine share it; never a network mount.
 *
 * Every change is one `BEGIN IMMEDIATE` transaction, so that two claims of one entry are one after the other. What people
 * asked for (add, update, remove) is fsynced before it is acknowledged; claims are not: after a power cut another boot
 * id ends them anyhow. Leases are judged by time since boot (lease-clock.ts), never by the wall clock.
 *
 * A claim ends by settle, giveBack, or when its lease is over and somebody else changes the entry; until then its
 * holder may still settle or give back.
 */
import type { Clock } from "../core/clock.ts";
import { MlError } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import { networkFileSystem } from "../core/network-mount.ts";
import { factsFrom, factsText, named } from "./entry.ts";
import { type LeaseClock, systemLeaseClock } from "./lease-clock.ts";
import type { Claim, EntryChange, QueueBackend, QueueEntry, QueueHealth, WaitingEntry } from "./port.ts";
import {
  isBusy,
  isCurrent,
  isDamage,
  openQueueFile,
  type QueueFile,
  replaceDamaged,
  sqliteError,
} from "./sqlite-file.ts";
import { WakeSignal } from "./wake.ts";

export interface SqliteQueueOptions {
  clock: Clock;
  /** For tests; default: the kernel's time since boot. */
  leases?: LeaseClock;
  /** For tests: the network file system of a path, or null. */
  networkOf?: (path: string) => string | null;
}

interface Row {
  run_id: string;
  sequence: number;
  user: string;
  priority: number;
  queued_at: string;
  held: number;
  requested: string;
  facts: string;
  worker: string | null;
  token: number | null;
  live: number;
}

/** How long an operation waits for other writers before it says `try_later`. */
const patienceMs = 5000;

const isLive = "(token is not null and lease_boot = $boot and lease_until > $now)";

/**
 * Opens or makes the queue at `path`. Throws `bad_config` on a network mount, and other MlErrors where the file cannot
 * be used. A damaged file is kept aside; `health` then asks for a rebuild.
 */
export function openSqliteQueue(path: string, options: SqliteQueueOptions): QueueBackend {
  const network = (options.networkOf ?? networkFileSystem)(path);
  if (network !== null) {
    throw new MlError(
      "bad_config",
      `cannot keep the queue's database \`${path}\` on ${network}: SQLite is not safe there`,
      {
        hint: "set `state_dir` to a folder on a local disk (`ml config set state_dir /var/lib/ml`); runs may stay where they are",
      },
    );
  }
  return new SqliteQueue(path, options.clock, options.leases ?? systemLeaseClock(options.clock));
}

class SqliteQueue implements QueueBackend {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #leases: LeaseClock;
  readonly #wake: WakeSignal;
  #file: QueueFile;
  #closed = false;

  constructor(path: string, clock: Clock, leases: LeaseClock) {
    this.#path = path;
    this.#clock = clock;
    this.#leases = leases;
    this.#wake = new WakeSignal(`${path}.signal`);
    this.#file = openQueueFile(path);
  }

  async add(entries: readonly QueueEntry[]): Promise<number> {
    if (entries.length === 0) return 0;
    const added = await this.#write("adding to the queue", true, () => {
      const insert = this.#file.db.query(
        `insert into entries (run_id, sequence, user, priority, queued_at, held, requested, facts)
         values ($runId, $sequence, $user, $priority, $queuedAt, $held, $requested, $facts) on conflict (run_id) do nothing`,
      );
      const before = this.#fact("sequence");
      let sequence = before;
      for (const entry of entries) {
        const { runId, user, priority, queuedAt } = entry;
        const values = { runId, user, priority, queuedAt, held: entry.held ? 1 : 0, sequence: sequence + 1 };
        const texts = { requested: JSON.stringify(entry.requested), facts: factsText(entry.facts) };
        sequence += insert.run({ ...values, ...texts }).changes;
      }
      if (sequence > before) this.#setFact("sequence", sequence);
      fault("queue/before-add-commit");
      return sequence - before;
    });
    fault("queue/added");
    if (added > 0) this.#wake.tell();
    return added;
  }

  async waiting(limit: number, includeHeld: boolean): Promise<WaitingEntry[]> {
    const claimable = includeHeld ? "" : `where held = 0 and not ${isLive}`;
    const rows = await this.#try("reading the queue", () =>
      this.#file.db
        .query(
          `select run_id, sequence, user, priority, queued_at, held, requested, facts, worker, token,
             ${isLive} as live
           from entries ${claimable} order by priority desc, sequence limit $limit`,
        )
        .all({ ...this.#now(), limit }),
    );
    return (rows as Row[]).map(toEntry);
  }

  async count(): Promise<number> {
    const row = await this.#try("reading the queue", () =>
      this.#file.db.query("select count(*) as n from entries").get(),
    );
    return (row as { n: number }).n;
  }

  async claim(runId: string, worker: string, leaseMs: number): Promise<Claim | null> {
    const claim = await this.#write(`claiming \`${runId}\``, false, () => {
      const token = Math.max(this.#fact("token") + 1, this.#clock.nowMs());
      const { changes } = this.#file.db
        .query(
          `update entries set worker = $worker, token = $token, lease_boot = $boot, lease_until = $now + $leaseMs
           where run_id = $runId and held = 0 and not ${isLive}`,
        )
        .run({ ...this.#now(), runId, worker, token, leaseMs });
      if (changes === 0) return null;
      this.#setFact("token", token);
      return { runId, worker, token };
    });
    if (claim !== null) fault("queue/claimed");
    return claim;
  }

  async renew(claim: Claim, leaseMs: number): Promise<boolean> {
    return await this.#write(`renewing the claim on \`${claim.runId}\``, false, () => {
      const values = { ...this.#now(), ...claim, leaseMs };
      return (
        this.#file.db
          .query(
            `update entries set lease_boot = $boot, lease_until = $now + $leaseMs
             where run_id = $runId and worker = $worker and token = $token and ${isLive}`,
          )
          .run(values).changes > 0
      );
    });
  }

  async giveBack(claim: Claim): Promise<void> {
    const changes = await this.#write(`giving back \`${claim.runId}\``, false, () =>
      this.#file.db
        .query(
          `update entries set worker = null, token = null, lease_boot = null, lease_until = null
           where run_id = $runId and worker = $worker and token = $token`,
        )
        .run({ ...claim }),
    );
    if (changes.changes > 0) this.#wake.tell();
  }

  async settle(claim: Claim): Promise<boolean> {
    fault("queue/before-settle");
    return await this.#write(`settling \`${claim.runId}\``, false, () => {
      const remove = "delete from entries where run_id = $runId and worker = $worker and token = $token";
      return this.#file.db.query(remove).run({ ...claim }).changes > 0;
    });
  }

  async remove(runIds: readonly string[]): Promise<string[]> {
    return await this.#write(`taking ${named(runIds)} out of the queue`, true, () => {
      const remove = this.#file.db.query(`delete from entries where run_id = $runId and not ${isLive}`);
      const now = this.#now();
      return runIds.filter((runId) => remove.run({ ...now, runId }).changes > 0);
    });
  }

  async update(runIds: readonly string[], change: EntryChange): Promise<string[]> {
    const held = change.held === undefined ? null : change.held ? 1 : 0;
    const changed = await this.#write(`changing ${named(runIds)} in the queue`, true, () => {
      const update = this.#file.db.query(
        `update entries set priority = coalesce($priority, priority), held = coalesce($held, held),
         worker = null, token = null, lease_boot = null, lease_until = null
         where run_id = $runId and not ${isLive}`,
      );
      const values = { ...this.#now(), priority: change.priority ?? null, held };
      return runIds.filter((runId) => update.run({ ...values, runId }).changes > 0);
    });
    if (changed.length > 0) this.#wake.tell();
    return changed;
  }

  onChange(wake: () => void): () => void {
    return this.#wake.listen(wake);
  }

  async health(): Promise<QueueHealth> {
    const shape = { backend: "sqlite", degraded: false } as const;
    try {
      const facts = await this.#try("reading the queue", () => {
        const rows = this.#file.db.query("select name, value from facts where name in ('rebuilt', 'damage')").all();
        return new Map((rows as { name: string; value: string }[]).map((row) => [row.name, row.value]));
      });
      if (facts.has("rebuilt")) return { ...shape, ok: true, problem: null };
      const problem = facts.get("damage") ?? `the queue \`${this.#path}\` is new`;
      return { ...shape, ok: true, problem: `${problem}; runs come back from their folders`, needsRebuild: true };
    } catch (cause) {
      return { ...shape, ok: false, problem: sqliteError(cause, "reading the queue").message };
    }
  }

  async rebuilt(): Promise<void> {
    await this.#write("noting that the queue is complete", true, () => this.#setFact("rebuilt", 1));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake.close();
    this.#file.db.close();
  }

  #now(): { now: number; boot: string } {
    return { now: this.#leases.nowMs(), boot: this.#leases.boot() };
  }

  #fact(name: string): number {
    const row = this.#file.db.query("select value from facts where name = ?").get(name);
    return Number((row as { value: number } | null)?.value ?? 0);
  }

  #setFact(name: string, value: number): void {
    this.#file.db.query("insert or replace into facts values (?, ?)").run(name, value);
  }

  /** One immediate transaction; `durable` ones are on the disk when it resolves. */
  async #write<T>(doing: string, durable: boolean, act: () => T): Promise<T> {
    for (;;) {
      const result = await this.#try(doing, () => {
        this.#file.db.run(`pragma synchronous = ${durable ? "full" : "normal"}`);
        return this.#file.db.transaction(act).immediate();
      });
      // Deleted or replaced while we wrote: what we wrote is where nobody looks. All writes can be repeated.
      if (isCurrent(this.#file, this.#path)) return result;
    }
  }

  /** Runs `act` on the current file; waits for other writers without blocking, survives a damaged or replaced file. */
  async #try<T>(doing: string, act: () => T): Promise<T> {
    const deadline = performance.now() + patienceMs;
    let repaired = false;
    for (;;) {
      if (this.#closed) throw new MlError("try_later", `${doing} failed: the queue is closed`);
      try {
        if (!isCurrent(this.#file, this.#path)) this.#replaceFile(openQueueFile(this.#path));
        return act();
      } catch (cause) {
        if (isDamage(cause) && !repaired) {
          repaired = true;
          this.#file.db.close();
          this.#file = replaceDamaged(this.#path, cause);
        } else if (isBusy(cause)) {
          if (performance.now() > deadline) {
            throw new MlError("try_later", `${doing} failed: another process has held the queue for ${patienceMs} ms`);
          }
          await Bun.sleep(5 + Math.random() * 10);
        } else throw sqliteError(cause, doing);
      }
    }
  }

  #replaceFile(file: QueueFile): void {
    this.#file.db.close();
    this.#file = file;
  }
}

function toEntry(row: Row): WaitingEntry {
  const { run_id: runId, sequence, user, priority, worker, token } = row;
  const claim = row.live === 1 && worker !== null && token !== null ? { worker, token } : null;
  return {
    ...{ runId, sequence, user, priority, claim, queuedAt: row.queued_at, held: row.held === 1 },
    requested: JSON.parse(row.requested),
    facts: factsFrom(row.facts),
  };
}
