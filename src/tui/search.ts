/**
 * The filter as a question to the server: the same query as `ml find`, asked when the typing rests. Until an answer is
 * there, and where the server cannot answer, the list is filtered by the words themselves among what is known.
 */
import type { Connection } from "../client/connection.ts";
import { asMlError } from "../core/error.ts";
import type { Reply } from "../protocol/requests.ts";

const restMs = 150;
const mostFound = 1000;

export class Search {
  /** The answer to the present filter; null while there is none. */
  found: { ids: readonly string[]; query: string; interpreted: boolean; total: number | null } | null = null;
  /** Why the filter is no query, as the server says it. */
  problem: string | null = null;
  private asked = "";
  private timer: ReturnType<typeof setTimeout> | null = null;

  /** True while the answer to what was typed is still to come. */
  get pending(): boolean {
    return this.asked !== "" && this.found === null && this.problem === null;
  }

  constructor(
    private readonly connection: Connection,
    private readonly onFound: (runs: Reply<"find">["runs"]) => void,
  ) {}

  /** `now`: the typing is done. */
  want(filter: string, now = false): void {
    const query = filter.trim();
    if (query === this.asked && !now) return;
    if (this.timer !== null) clearTimeout(this.timer);
    if (query !== this.asked) {
      this.found = null;
      this.problem = null;
    }
    this.asked = query;
    if (query === "") return;
    this.timer = setTimeout(() => void this.ask(query), now ? 0 : restMs);
  }

  /** Asks again, because runs have changed. */
  again(): void {
    if (this.asked !== "") this.want(this.asked, true);
  }

  private async ask(query: string): Promise<void> {
    const utcOffset = 0 - new Date().getTimezoneOffset();
    try {
      const body = { query, limit: mostFound, count: true, utc_offset_minutes: utcOffset };
      const reply = await this.connection.ask("find", body);
      if (query !== this.asked) return;
      const { interpreted, total } = reply;
      this.found = { ids: reply.runs.map(({ run }) => run.run_id), query: reply.query, interpreted, total };
      this.onFound(reply.runs);
    } catch (cause) {
      if (query !== this.asked) return;
      const { message, detail } = asMlError(cause, "searching");
      this.problem = detail.hint === undefined ? message : `${message}; ${detail.hint}`;
      this.onFound([]);
    }
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
  }
}
