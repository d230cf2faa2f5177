/** Sweeps: that of the open page, or of the selected run. */
import type { ActEntry, Desk } from "./desk.ts";
import type { Act } from "./key-table.ts";
import { closedTo, later, sweepOf } from "./targets.ts";

type SweepForms = typeof import("./sweep-forms.ts");

const load = () => import("./sweep-forms.ts");
const noSweep = (desk: Desk) =>
  sweepOf(desk) === null ? "the run is of no sweep; open one's page, or a run of it" : null;
const closed = (desk: Desk) => closedTo(desk) ?? noSweep(desk);

/** Does something to the sweep that is meant. */
const toSweep = (act: (forms: SweepForms, desk: Desk, sweepId: string) => void | Promise<void>) =>
  later(load, async (desk, forms) => {
    const sweepId = sweepOf(desk);
    if (sweepId !== null) await act(forms, desk, sweepId);
  });

const change = (action: Parameters<SweepForms["changeSweep"]>[2]): ActEntry => ({
  why: closed,
  run: toSweep((forms, desk, sweepId) => forms.changeSweep(desk, sweepId, action)),
});

export const sweepActs = {
  sweep_new: { why: closedTo, run: later(load, (desk, { sweepForm }) => desk.openForm(sweepForm(desk))) },
  sweep_show: {
    why: noSweep,
    run: toSweep((forms, desk, sweepId) => desk.pages.open(forms.sweepWish(desk, sweepId))),
  },
  sweep_list: { run: later(load, (desk, { sweepListWish }) => desk.pages.open(sweepListWish(desk))) },
  sweep_pause: change("pause"),
  sweep_resume: change("resume"),
  sweep_retry: change("retry"),
  sweep_cancel: change("cancel"),
  sweep_extend: {
    why: closed,
    run: toSweep(async (forms, desk, sweepId) => {
      const { sweep } = await desk.connection.ask("sweep.get", { sweep: sweepId });
      desk.openForm(forms.extendForm(desk, sweep));
    }),
  },
} satisfies Partial<Record<Act, ActEntry>>;
