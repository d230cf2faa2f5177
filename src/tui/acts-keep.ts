/** Keeping runs: checks, copies, bundles, space. */
import type { RunSummary } from "../protocol/summary.ts";
import type { ActEntry, Desk } from "./desk.ts";
import type { FormState } from "./form.ts";
import type { Act } from "./key-table.ts";
import { closedTo, ended, later, noRun } from "./targets.ts";

type KeepForms = typeof import("./keep-forms.ts");

const load = () => import("./keep-forms.ts");

const ofRun = (make: (forms: KeepForms, desk: Desk, run: RunSummary) => FormState) =>
  later(load, (desk, forms) => {
    const run = desk.selected();
    if (run !== null) desk.openForm(make(forms, desk, run));
  });

const notEnded = (desk: Desk) => noRun(desk) ?? (desk.targets().every(ended) ? null : "it has not ended");

export const keepActs = {
  validate: {
    why: (desk) => noRun(desk) ?? (desk.selected()?.ended_at == null ? "it has not ended" : null),
    run: ofRun((forms, desk, run) => forms.validateForm(desk, run)),
  },
  pull: { why: noRun, run: ofRun((forms, desk, run) => forms.pullForm(desk, run)) },
  export: {
    why: notEnded,
    run: later(load, (desk, { exportForm }) => desk.openForm(exportForm(desk, desk.targets()))),
  },
  report: { run: later(load, (desk, { reportForm }) => desk.openForm(reportForm(desk))) },
  import: { why: closedTo, run: later(load, (desk, { importForm }) => desk.openForm(importForm(desk))) },
  prune: {
    why: closedTo,
    run: later(load, (desk, { pruneForm }) => {
      const marked = [...desk.ui.marked].flatMap((runId) => desk.model.runs.get(runId) ?? []);
      desk.openForm(pruneForm(desk, marked));
    }),
  },
} satisfies Partial<Record<Act, ActEntry>>;
