/** A progress line for long work: a bar with rate and time left on a terminal, a plain line every ten seconds elsewhere. */
import { formatDuration } from "../core/duration.ts";
import { formatSize } from "../core/size.ts";
import type { Progress } from "./output.ts";

export interface ProgressOptions {
  unit: "bytes" | "items";
  /** Columns where it may be redrawn, else null. */
  columns: number | null;
  unicode: boolean;
  silent: boolean;
  print(text: string): void;
}

/** Nothing appears before this, so that short work stays quiet. */
const appearMs = 300;
const redrawMs = 100;
const lineMs = 10_000;

export function progressText(
  label: string,
  state: { done: number; total: number | null; elapsedMs: number },
  options: Pick<ProgressOptions, "unit" | "unicode"> & { barColumns: number },
): string {
  const amount = (value: number) => (options.unit === "bytes" ? formatSize(value) : String(Math.round(value)));
  const { done, total, elapsedMs } = state;
  const perSecond = elapsedMs > 0 ? done / (elapsedMs / 1000) : 0;
  const rate = perSecond > 0 ? `, ${amount(perSecond)}/s` : "";
  if (total === null || total <= 0) return `${label} ${amount(done)}${rate}`;
  const fraction = Math.min(1, done / total);
  const left = perSecond > 0 && done < total ? `, ${formatDuration(((total - done) / perSecond) * 1000)} left` : "";
  const filled = Math.round(fraction * options.barColumns);
  const [full, empty] = options.unicode ? ["█", "░"] : ["#", "-"];
  const bar = options.barColumns > 0 ? `[${full.repeat(filled)}${empty.repeat(options.barColumns - filled)}] ` : "";
  return `${label} ${bar}${Math.floor(fraction * 100)} % (${amount(done)} of ${amount(total)}${rate}${left})`;
}

export function makeProgress(label: string, options: ProgressOptions): Progress {
  const startedAtMs = performance.now();
  let shownAtMs = Number.NEGATIVE_INFINITY;
  let shown = false;
  return {
    update(done, total) {
      const now = performance.now();
      const elapsedMs = now - startedAtMs;
      if (options.silent || elapsedMs < appearMs) return;
      if (now - shownAtMs < (options.columns === null ? lineMs : redrawMs)) return;
      shownAtMs = now;
      shown = true;
      const barColumns = options.columns === null ? 0 : Math.max(0, Math.min(30, options.columns - label.length - 50));
      const text = progressText(label, { done, total, elapsedMs }, { ...options, barColumns });
      options.print(options.columns === null ? `${text}\n` : `\r\x1b[K${text.slice(0, options.columns - 1)}`);
    },
    end() {
      if (shown && options.columns !== null) options.print("\r\x1b[K");
      shown = false;
    },
  };
}
