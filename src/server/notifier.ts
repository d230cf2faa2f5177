/**
 * Tells somebody of ended runs, by a command or a webhook of the server's config. What is still to be told is read from the
 * folders: a final manifest that asks for it, without `.run/notified.json`. So a crash costs no notification; one that
 * came between telling and noting it is told again. A way out that fails is tried three times, and named in `ml status`.
 */
import * as fs from "node:fs";
import type { Settings } from "../config/settings.ts";
import { type Clock, isoTime } from "../core/clock.ts";
import { writeEvenIfFull } from "../core/durable.ts";
import { messageOf } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import { shellWords } from "../core/shell-words.ts";
import type { BasePaths } from "../run/paths.ts";
import type { RunRecord } from "../run/run-record.ts";
import { isFinal } from "../run/status.ts";
import { readManifest } from "../run/store.ts";
import { type Delivery, postWebhook, runCommand } from "./deliver.ts";
import type { Log } from "./log.ts";
import { isWanted, type Notification, notificationOf } from "./notification.ts";
import type { Problems } from "./problems.ts";

interface Way {
  name: "command" | "webhook";
  deliver(notification: Notification): Promise<Delivery>;
}

export interface NotifierOptions {
  settings: Pick<Settings, "notify_command" | "notify_webhook">;
  base: BasePaths;
  problems: Problems;
  log: Log;
  clock: Clock;
  /** Between two tries; for tests. */
  pauseMs?: number;
}

const tries = 3;
/** More than so many at a time are not told any more: somebody who is told a thousand things reads none. */
const mostPending = 1000;
const problemKey = "notify";

function waysOf({ settings, problems }: NotifierOptions): Way[] {
  const ways: Way[] = [];
  const { notify_command: command, notify_webhook: url } = settings;
  if (command !== null) {
    try {
      const words = shellWords(command);
      if (words.length > 0) ways.push({ name: "command", deliver: (notification) => runCommand(words, notification) });
    } catch (cause) {
      problems.set(problemKey, `the setting \`notify_command\` cannot be read: ${messageOf(cause)}`);
    }
  }
  if (url !== null) ways.push({ name: "webhook", deliver: (notification) => postWebhook(url, notification) });
  return ways;
}

export class Notifier {
  private readonly ways: readonly Way[];
  private readonly pending = new Set<string>();
  private working: Promise<void> | null = null;
  private closed = false;

  constructor(private readonly options: NotifierOptions) {
    this.ways = waysOf(options);
  }

  /** Whether there is any way to tell anybody. */
  get able(): boolean {
    return this.ways.length > 0;
  }

  /** Tells of the run where that is due; returns at once. */
  consider(record: RunRecord): void {
    if (!this.able || this.closed || !isFinal(record.status) || this.pending.has(record.run_id)) return;
    if (this.pending.size >= mostPending || this.isTold(record.run_id)) return;
    this.pending.add(record.run_id);
    this.working ??= this.work().finally(() => {
      this.working = null;
    });
  }

  private isTold(runId: string): boolean {
    return fs.existsSync(this.options.base.run(runId).notifiedMark);
  }

  private async work(): Promise<void> {
    for (const runId of this.pending) {
      if (this.closed) return;
      try {
        await this.tell(runId);
      } catch (cause) {
        this.options.log.say("warn", "notifying failed", { run: runId, why: messageOf(cause) });
      }
      this.pending.delete(runId);
    }
  }

  private async tell(runId: string): Promise<void> {
    const { base, clock } = this.options;
    const paths = base.run(runId);
    const read = readManifest(paths.manifest);
    if (read.kind !== "ok" || !isWanted(read.manifest) || this.isTold(runId)) return;
    fault("server/before-notify");
    const notification = notificationOf(read.manifest, paths.folder);
    const outcome: Record<string, string | null> = {};
    for (const way of this.ways) outcome[way.name] = await this.deliver(way, { runId, notification });
    if (this.closed || !fs.existsSync(paths.private)) return;
    fault("server/after-notify");
    const told = { at: isoTime(clock.nowMs()), text: notification.text, problems: outcome };
    writeEvenIfFull(paths.notifiedMark, `${JSON.stringify(told)}\n`);
  }

  /** Null where it arrived; else one sentence. */
  private async deliver(way: Way, { runId, notification }: { runId: string; notification: Notification }) {
    const { log, problems, pauseMs = 2000 } = this.options;
    let missed: Delivery = null;
    for (let attempt = 1; attempt <= tries && !this.closed; attempt += 1) {
      if (attempt > 1) await Bun.sleep(pauseMs * (attempt - 1));
      missed = await way.deliver(notification);
      if (missed === null || !missed.passing) break;
    }
    const why = missed?.why ?? null;
    if (why !== null) log.say("warn", "nobody was told of the end of a run", { run: runId, why });
    const problem = why === null ? null : `nobody was told of the end of run \`${runId}\`: ${why}`;
    problems.set(`${problemKey} ${way.name}`, problem);
    return why;
  }

  /** What is being told is left to the next start. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.race([this.working ?? Promise.resolve(), Bun.sleep(500)]);
  }
}
