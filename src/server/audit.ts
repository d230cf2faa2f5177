/** Who did what to which runs, when and from where: audit.jsonl in the base, append only, refusals included. */
import { isoTime } from "../core/clock.ts";
import { noteDeed } from "../run/audit-log.ts";
import type { Asker } from "./asker.ts";

export interface Deed {
  action: string;
  runs?: readonly string[];
  /** `done` or `refused`. */
  result?: "done" | "refused";
  detail?: string | null;
}

export class Audit {
  constructor(
    private readonly path: string,
    private readonly onProblem: (cause: unknown) => void,
  ) {}

  /** Never throws: a deed that is done is not undone because it could not be noted. */
  note(asker: Asker, { action, runs = [], result = "done", detail = null }: Deed): void {
    const { user, role, from } = asker;
    try {
      noteDeed(this.path, { at: isoTime(Date.now()), by: user, role, from, action, result, runs: [...runs], detail });
    } catch (cause) {
      this.onProblem(cause);
    }
  }
}
