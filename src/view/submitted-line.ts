/** What the product understood of a submission, in one line that can be checked at a glance. */
import type { Submitted } from "../protocol/requests.ts";
import { type Face, type Line, span } from "./face.ts";
import { safeText } from "./safe-text.ts";
import { clockTime, isNow } from "./time.ts";

/** `position 2, ETA 14:30`, `position 1, starts now`; null where nothing is known. */
export function placeText(place: Pick<Submitted, "position" | "eta">, nowMs: number): string | null {
  const eta = clockTime(place.eta, nowMs);
  const start = isNow(place.eta, nowMs) ? "starts now" : eta === null ? null : `ETA ${eta}`;
  const parts = [place.position === null ? null : `position ${place.position}`, start];
  const known = parts.filter((part) => part !== null);
  return known.length === 0 ? null : known.join(", ");
}

export interface SubmittedOptions {
  face: Face;
  /** In place of `queued`. */
  word?: string;
  held?: boolean;
  /** Nothing was queued: the run has no id that anybody could ask for. */
  dry?: boolean;
}

/** `queued 2026-11-23_k3f9ab (position 2, ETA 14:30): python train.py --lr 3e-4`; never cut: it is there to be read. */
export function submittedLine(run: Submitted, options: SubmittedOptions): Line {
  const place = options.held ? "held" : placeText(run, options.face.nowMs);
  if (options.dry) {
    return [
      span("would queue"),
      ...(place === null ? [] : [span(` (${place})`, "dim")]),
      span(": "),
      span(safeText(run.command)),
    ];
  }
  const word = options.word ?? (run.duplicate ? "queued before as" : "queued");
  return [
    span(`${word} `),
    span(run.run_id, "strong"),
    ...(place === null ? [] : [span(` (${place})`, "dim")]),
    span(": "),
    span(safeText(run.command)),
  ];
}
