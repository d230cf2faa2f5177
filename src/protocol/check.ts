/** One thing that `ml doctor` looked at, on either side of the wire. */

export interface Check {
  name: string;
  ok: boolean | null;
  found: string;
  /** What to type where not ok. */
  cure: string | null;
}
