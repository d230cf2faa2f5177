/**
 * What acts are done to, and why not now: the marked runs or the selected one, the two that are held against each other, the
 * sweep, the dataset. Shared by the tables of acts; each answer is a few words, or null where nothing is in the way.
 */
import type { RunSummary } from "../protocol/summary.ts";
import { shortId } from "../view/mark.ts";
import { safeText } from "../view/safe-text.ts";
import type { Desk } from "./desk.ts";

export const isLive = (run: RunSummary): boolean =>
  run.status === "queued" || run.status === "starting" || run.status === "running";
export const waits = (run: RunSummary): boolean => run.status === "queued";
export const ended = (run: RunSummary): boolean => !isLive(run);

export const ids = (runs: readonly RunSummary[]): string[] => runs.map((run) => run.run_id);
export const shortIds = (runs: readonly RunSummary[]): string => ids(runs).map(shortId).join(" ");

/** `warmup_test`, `3 runs`, `batch_128, which is li's`. */
export function whatOf(runs: readonly RunSummary[], user: string): string {
  const [only] = runs;
  if (runs.length !== 1 || only === undefined) return `${runs.length} runs`;
  return `${safeText(only.name)}${only.user === user ? "" : `, which is ${safeText(only.user)}'s`}`;
}

/** Why nothing at all can be changed now. */
export function closedTo(desk: Desk): string | null {
  if (desk.readonly) return "opened with --readonly";
  if (desk.connection.hello.role === "viewer") return "your key may only look";
  const { word } = desk.model.link;
  return word === "reconnecting" || word === "closed" ? "not connected" : null;
}

const viewsOfRuns = new Set(["runs", "queue", "compare"]);

/** Why no run can be meant: the views of machines and data select none, and a page may be about others than the list. */
export function noRun(desk: Desk): string | null {
  const page = desk.pages.current;
  const selected = desk.selected();
  if (page !== null && page.wish.runId !== selected?.run_id) return "esc closes this page first";
  if (page === null && !viewsOfRuns.has(desk.ui.view)) return "go to the list of runs first";
  return selected === null ? "no run is selected" : null;
}

/** Why the selected run cannot be changed. */
export function oneRun(desk: Desk, wanted?: (run: RunSummary) => boolean, why = ""): string | null {
  const run = desk.selected();
  return closedTo(desk) ?? noRun(desk) ?? (run !== null && wanted?.(run) === false ? why : null);
}

/** All targets must be what is wanted; else `why` they are not. */
export function unless(desk: Desk, wanted: (run: RunSummary) => boolean, why: string): string | null {
  const nothing = noRun(desk);
  if (nothing !== null) return nothing;
  const targets = desk.targets();
  return (
    closedTo(desk) ?? (targets.every(wanted) ? null : targets.length === 1 ? why : `one of the marked runs: ${why}`)
  );
}

/**
 * The two runs that are held against each other, ids, the elder first: the marked ones; the marked one and the selected one; the
 * selected one and the run that it was made from.
 */
export function pairOf(desk: Desk): readonly [string, string] | null {
  const marked = [...desk.ui.marked].flatMap((runId) => desk.model.runs.get(runId) ?? []);
  const selected = desk.selected();
  const [first, second] = marked;
  const inOrder = (a: RunSummary, b: RunSummary) =>
    a.queued_at <= b.queued_at ? ([a.run_id, b.run_id] as const) : ([b.run_id, a.run_id] as const);
  if (marked.length === 2 && first !== undefined && second !== undefined) return inOrder(first, second);
  if (marked.length === 1 && first !== undefined && selected !== null && selected !== first)
    return inOrder(first, selected);
  const source = marked.length === 0 ? (selected?.source_run ?? selected?.parent_run ?? null) : null;
  return source === null || selected === null ? null : [source, selected.run_id];
}

/** Id of the sweep that is meant: that of the open page, else that of the selected run. */
export function sweepOf(desk: Desk): string | null {
  return desk.pages.current?.wish.sweepId ?? (noRun(desk) === null ? (desk.selected()?.sweep?.id ?? null) : null);
}

/** The dataset that is selected in the data view. */
export function datasetOf(desk: Desk): string | null {
  return desk.ui.view === "data" && desk.pages.current === null ? desk.ui.lists.data.selected : null;
}

/** Does something with code that is loaded only now; keys that are typed meanwhile are kept for it. */
export function later<Module>(
  load: () => Promise<Module>,
  act: (desk: Desk, module: Module) => void | Promise<void>,
): (desk: Desk) => void {
  return (desk) => desk.opening(async () => act(desk, await load()));
}
