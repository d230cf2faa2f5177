/**
 * trainer_state.json of Hugging Face's Trainer: `log_history` is a list of what it logged, each entry with its step. Every
 * checkpoint has a copy with the history up to there; one entry is taken once, from whichever copy shows it first.
 */
import { decodeMetricValue } from "../run/metric-value.ts";
import { type FoundPoint, type OpenFile, readAt, type Source } from "./point.ts";

const largestBytes = 64 * 1024 * 1024;

/** One for all copies of one training. */
export class TrainerState implements Source {
  private readonly seen = new Set<string>();

  constructor(
    readonly group: string,
    readonly label: string,
  ) {}

  async read(file: OpenFile): Promise<FoundPoint[]> {
    if (file.sizeBytes > largestBytes) return [];
    let history: unknown;
    try {
      const text = (await readAt(file, 0, file.sizeBytes)).toString("utf8");
      // Python's json writes NaN and the infinities as bare words.
      const strict = text.replace(/(:\s*)(NaN|-?Infinity)(?=\s*[,}\]])/g, '$1"$2"');
      history = (JSON.parse(strict) as { log_history?: unknown }).log_history;
    } catch {
      return []; // It is being written.
    }
    const entries = (Array.isArray(history) ? history : []).filter(
      (entry) => typeof entry === "object" && entry !== null,
    );
    return entries.flatMap((entry) => this.pointsOf(entry as Record<string, unknown>, file.mtimeMs / 1000));
  }

  private pointsOf(entry: Record<string, unknown>, t: number): FoundPoint[] {
    const step = typeof entry.step === "number" ? entry.step : null;
    const points: FoundPoint[] = [];
    for (const [name, raw] of Object.entries(entry)) {
      const value = name === "step" || name === "epoch" ? null : decodeMetricValue(raw);
      const key = `${name} ${step}`;
      if (value === null || this.seen.has(key)) continue;
      this.seen.add(key);
      points.push({ name, value, step, t });
    }
    return points;
  }
}
