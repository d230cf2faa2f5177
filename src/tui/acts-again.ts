/** Runs made from runs, and what is done on the terminal itself: attaching, debugging, an editor. */
import type { RunSummary } from "../protocol/summary.ts";
import type { ActEntry, Desk } from "./desk.ts";
import type { FormState } from "./form.ts";
import type { Act } from "./key-table.ts";
import { ended, later, noRun, oneRun, unless, waits } from "./targets.ts";

type AgainForms = typeof import("./again-forms.ts");

const load = () => import("./again-forms.ts");

const ofRun = (make: (forms: AgainForms, desk: Desk, run: RunSummary) => FormState) =>
  later(load, (desk, forms) => {
    const run = desk.selected();
    if (run !== null) desk.openForm(make(forms, desk, run));
  });

const notEnded = "it has not ended";

/** Hands the terminal to a command of ours about the selected run, and says how it went. */
function lend(desk: Desk, words: readonly string[], pause: "always" | "on failure"): void {
  const run = desk.selected();
  if (run === null) return;
  desk.attempt(async () => {
    await desk.screen.lend([...words, run.run_id], { pause });
    desk.details.forget(run.run_id);
    desk.model.lookSoon(0);
  });
}

export const againActs = {
  retry: {
    why: (desk) => unless(desk, ended, notEnded),
    run: later(load, (desk, { retryForm }) => desk.openForm(retryForm(desk, desk.targets()))),
  },
  clone: { why: (desk) => oneRun(desk), run: ofRun((forms, desk, run) => forms.cloneForm(desk, run)) },
  reproduce: {
    why: (desk) => oneRun(desk, ended, notEnded),
    run: ofRun((forms, desk, run) => forms.reproduceForm(desk, run)),
  },
  reproduced: {
    why: noRun,
    run: later(load, (desk, { reproducedWish }) => {
      const run = desk.selected();
      if (run !== null) desk.pages.open(reproducedWish(desk, run));
    }),
  },
  fork: { why: noRun, run: ofRun((forms, desk, run) => forms.codeForm(desk, run, "fork")) },
  checkout: { why: noRun, run: ofRun((forms, desk, run) => forms.codeForm(desk, run, "checkout")) },

  attach: {
    why: (desk) => oneRun(desk, (run) => !ended(run), "it has ended"),
    run: (desk) => lend(desk, ["attach"], "always"),
  },
  debug: { why: (desk) => oneRun(desk), run: (desk) => lend(desk, ["debug"], "always") },
  edit_in_editor: {
    why: (desk) => oneRun(desk, waits, "it waits no more; r queues it again, changed"),
    run: (desk) => lend(desk, ["edit"], "on failure"),
  },
  narrative_in_editor: { why: (desk) => oneRun(desk), run: (desk) => lend(desk, ["narrative", "edit"], "on failure") },
  review: {
    why: (desk) => (desk.readonly ? "opened with --readonly" : null),
    run: (desk) => desk.attempt(async () => void (await desk.screen.lend(["review"], { pause: "always" }))),
  },
} satisfies Partial<Record<Act, ActEntry>>;
