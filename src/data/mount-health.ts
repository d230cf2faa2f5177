/**
 * What is known of one network mount: its last answers and what they make of it. Pure; who asks is mount-watch.ts.
 *
 *     slow     the last answer took more than a second, or more than 100 ms and ten times the usual
 *     silent   no answer within a second of the question; what is still owed counts from the moment it was asked
 */
import { isoTime } from "../core/clock.ts";
import type { Mount } from "../core/mount-table.ts";
import type { MountFacts, Silence } from "../run/mount-facts.ts";

const keptAnswers = 60;
const keptSilences = 50;
const slowMs = 1000;
const slowAtLeastMs = 100;
const slowTimes = 10;
export const silentAfterMs = 1000;

type State = MountFacts["state"];

export class MountHealth {
  readonly #answers: number[] = [];
  readonly #silences: Silence[] = [];
  #state: State = "unknown";
  #sinceMs: number | null = null;
  #answeredMs: number | null = null;

  constructor(readonly mount: Mount) {}

  get state(): State {
    return this.#state;
  }

  /** Since when it is in that state, where that is a bad one. */
  get sinceMs(): number | null {
    return this.#sinceMs;
  }

  #become(state: State, sinceMs: number): void {
    if (state === this.#state) return;
    const open = this.#silences.at(-1);
    if (open?.until === null) open.until = isoTime(sinceMs);
    if (state === "silent" || state === "gone") {
      this.#silences.push({ point: this.mount.point, state, from: isoTime(sinceMs), until: null });
      if (this.#silences.length > keptSilences) this.#silences.shift();
    }
    this.#state = state;
    this.#sinceMs = state === "ok" || state === "unknown" ? null : sinceMs;
  }

  #usualMs(): number | null {
    const sorted = [...this.#answers].sort((a, b) => a - b);
    return sorted[sorted.length >> 1] ?? null;
  }

  /** What an answer takes while nobody else works there, as far as it was seen. */
  fastestMs(): number | null {
    return this.#answers.length === 0 ? null : Math.min(...this.#answers);
  }

  answered(tookMs: number, nowMs: number): void {
    const usualMs = this.#usualMs();
    const isSlow = tookMs > slowMs || (tookMs > slowAtLeastMs && usualMs !== null && tookMs > slowTimes * usualMs);
    this.#answers.push(tookMs);
    if (this.#answers.length > keptAnswers) this.#answers.shift();
    this.#answeredMs = nowMs;
    this.#become(isSlow ? "slow" : "ok", nowMs);
  }

  /** It owes an answer since `askedMs`. */
  silent(askedMs: number): void {
    this.#become("silent", askedMs);
  }

  gone(nowMs: number): void {
    this.#become("gone", nowMs);
  }

  /** Silences that touch the time between, as far as they are kept. */
  silencesIn(fromMs: number, toMs: number): Silence[] {
    return this.#silences.filter(
      ({ from, until }) => Date.parse(from) <= toMs && (until === null || Date.parse(until) >= fromMs),
    );
  }

  facts(datasets: string[], copies = false): MountFacts {
    const { point, type, source } = this.mount;
    const last = this.#state === "ok" || this.#state === "slow" ? (this.#answers.at(-1) ?? null) : null;
    return {
      ...{ point, type, source, datasets, copies, state: this.#state },
      since: this.#sinceMs === null ? null : isoTime(this.#sinceMs),
      answer_ms: last,
      answered_at: this.#answeredMs === null ? null : isoTime(this.#answeredMs),
      usual_ms: this.#usualMs(),
      longest_ms: this.#answers.length === 0 ? null : Math.max(...this.#answers),
    };
  }
}
