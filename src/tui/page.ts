/**
 * Pages: what the server answers to one question about runs, over the whole body of the screen, scrolled and left with
 * esc. The texts are those of the command line (view/), so a page looks the same here and there; a page that stands for
 * something that goes on is asked for again while it is open.
 */
import { messageOf } from "../core/error.ts";
import { type Face, type Line, span } from "../view/face.ts";
import type { PageLines, PageWish } from "./form.ts";
import { type Mention, mentionsIn } from "./mentions.ts";

export interface OpenPage {
  wish: PageWish;
  /** Null until the first answer is there. */
  lines: PageLines | null;
  problem: string | null;
  /** First line on the screen. */
  top: number;
  askedAtMs: number;
  busy: boolean;
  /** Rows that the screen has for it. */
  height: number;
  /** Runs that its lines name, as they were last laid out; and which of them is chosen, by its place among them. */
  mentions: readonly Mention[];
  chosen: number | null;
  /** The lines as they were last laid out, and for what. */
  laid: { stamp: string; lines: readonly Line[] } | null;
}

const mostPages = 10;

export class Pages {
  private readonly stack: OpenPage[] = [];

  constructor(private readonly onChange: () => void) {}

  get current(): OpenPage | null {
    return this.stack.at(-1) ?? null;
  }

  /** Lies over those that are open; the oldest goes where there are too many. */
  open(wish: PageWish): void {
    const fresh = { lines: null, problem: null, top: 0, askedAtMs: 0, busy: false, laid: null };
    const page: OpenPage = { wish, ...fresh, height: 0, mentions: [], chosen: null };
    this.stack.push(page);
    if (this.stack.length > mostPages) this.stack.shift();
    this.onChange();
    this.want();
  }

  /** Back to the page below; false where there was none to close. */
  back(): boolean {
    return this.stack.pop() !== undefined;
  }

  clear(): void {
    this.stack.length = 0;
  }

  /** Something was done that the page may show. */
  again(): void {
    if (this.current !== null) this.current.askedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Asks for what is missing or old. Throws nothing. */
  want(): void {
    const page = this.current;
    if (page === null || page.busy) return;
    const { everyMs = Number.POSITIVE_INFINITY } = page.wish;
    const isFirst = page.lines === null && page.problem === null;
    if (!isFirst && performance.now() - page.askedAtMs < everyMs) return;
    page.busy = true;
    page.askedAtMs = performance.now();
    page.wish
      .load()
      .then(
        (lines) => Object.assign(page, { lines, problem: null, laid: null }),
        (cause) => Object.assign(page, { problem: messageOf(cause) }),
      )
      .finally(() => {
        page.busy = false;
        this.onChange();
      });
  }

  /** The lines for a face; laid out again when they, the width or the second have changed. */
  layOut(page: OpenPage, face: Face): readonly Line[] {
    const stamp = `${face.width} ${face.unicode} ${Math.floor(face.nowMs / 1000)}`;
    if (page.laid?.stamp === stamp) return page.laid.lines;
    try {
      page.laid = { stamp, lines: page.lines?.(face) ?? [] };
    } catch (cause) {
      // A server of another version may answer in another shape: that costs the page, not the screen.
      page.laid = { stamp, lines: [[span(`this page cannot be shown: ${messageOf(cause)}`, "bad")]] };
    }
    page.mentions = mentionsIn(page.laid.lines, page.lines?.named ?? new Set());
    if (page.chosen !== null && page.chosen >= page.mentions.length) page.chosen = null;
    return page.laid.lines;
  }
}
