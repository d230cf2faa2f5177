/**
 * Answers that only one view shows: why a run waits, who used what. Asked for when they are on the screen, and again when
 * they are old; while an answer is on its way the last one stays.
 */
import type { Connection } from "../client/connection.ts";
import { messageOf } from "../core/error.ts";
import type { Reply } from "../protocol/requests.ts";

export const usageRows = ["user", "priority", "week"] as const;
export type UsageRows = (typeof usageRows)[number];

const whyFreshMs = 2000;
const usageFreshMs = 30_000;
export const usageDays = 7;

export class Asides {
  why: Reply<"run.why"> | null = null;
  usage: Reply<"usage"> | null = null;
  problem: string | null = null;
  private asked = new Map<string, number>();

  constructor(
    private readonly connection: Connection,
    private readonly onChange: () => void,
  ) {}

  /** True where it is time to ask for `key` again. */
  private due(key: string, freshMs: number): boolean {
    const nowMs = performance.now();
    if (nowMs - (this.asked.get(key) ?? Number.NEGATIVE_INFINITY) < freshMs) return false;
    this.asked.clear();
    this.asked.set(key, nowMs);
    return true;
  }

  wantWhy(runId: string): void {
    if (!this.due(`why ${runId}`, whyFreshMs)) return;
    this.take(this.connection.ask("run.why", { run: runId }), (reply) => {
      this.why = reply;
    });
  }

  wantUsage(by: UsageRows): void {
    if (!this.due(`usage ${by}`, usageFreshMs)) return;
    this.take(this.connection.ask("usage", { by, days: usageDays }), (reply) => {
      this.usage = reply;
    });
  }

  private take<T>(asked: Promise<T>, keep: (reply: T) => void): void {
    asked.then(
      (reply) => {
        keep(reply);
        this.problem = null;
        this.onChange();
      },
      (cause) => {
        this.problem = messageOf(cause);
        this.onChange();
      },
    );
  }
}
