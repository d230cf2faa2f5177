/** Asking: pages about one run, two, or many, and forms that say which. Nothing here changes anything. */
import type { RunSummary } from "../protocol/summary.ts";
import type { ActEntry, Desk } from "./desk.ts";
import type { Act } from "./key-table.ts";
import { later, noRun, pairOf } from "./targets.ts";

type AskPages = typeof import("./ask-pages.ts");
type PageMaker = (pages: AskPages, desk: Desk, run: RunSummary) => Parameters<Desk["pages"]["open"]>[0];

const load = () => import("./ask-pages.ts");

const ofRun = (make: PageMaker): ActEntry => ({
  why: noRun,
  run: later(load, (desk, pages) => {
    const run = desk.selected();
    if (run !== null) desk.pages.open(make(pages, desk, run));
  }),
});

const noPair = (desk: Desk) =>
  pairOf(desk) === null ? "mark two runs, or one and go to another; this one was made from none" : null;

const ofPair = (
  make: (pages: AskPages, desk: Desk, pair: readonly [string, string]) => ReturnType<PageMaker>,
): ActEntry => ({
  why: noPair,
  run: later(load, (desk, pages) => {
    const pair = pairOf(desk);
    if (pair !== null) desk.pages.open(make(pages, desk, pair));
  }),
});

const ofScope = (kind: keyof AskPages["scopedKinds"]): ActEntry => ({
  run: later(load, (desk, { scopedKinds, scopedWish, scopeHere }) =>
    desk.pages.open(scopedWish(desk, scopedKinds[kind], { scope: scopeHere(desk) })),
  ),
});

export const askActs = {
  similar: ofRun((pages, desk, run) => pages.similarWish(desk, run)),
  lineage: ofRun((pages, desk, run) => pages.lineageWish(desk, run)),
  told: ofRun((pages, desk, run) => pages.toldWish(desk, run)),
  audit: ofRun((pages, desk, run) => pages.auditWish(desk, run)),
  diff: ofPair((pages, desk, pair) => pages.diffWish(desk, pair)),
  why_different: ofPair((pages, desk, pair) => pages.explainWish(desk, pair)),
  lessons: ofScope("lessons"),
  dead_ends: ofScope("dead_ends"),
  insights: ofScope("insights"),
  notebook: ofScope("notebook"),
  read_file: {
    why: noRun,
    run: later(load, (desk, { fileForm }) => {
      const run = desk.selected();
      if (run !== null) desk.openForm(fileForm(desk, run));
    }),
  },
} satisfies Partial<Record<Act, ActEntry>>;
