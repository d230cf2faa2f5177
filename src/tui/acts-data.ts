/** Datasets: that of the data view; bringing it to the local disks also for what the selected run uses. */
import { safeText } from "../view/safe-text.ts";
import type { ActEntry, Desk } from "./desk.ts";
import type { Act } from "./key-table.ts";
import { closedTo, datasetOf, later, noRun } from "./targets.ts";

const load = () => import("./data-forms.ts");

const noDataset = (desk: Desk) =>
  closedTo(desk) ?? (datasetOf(desk) === null ? "no dataset is selected; 4 shows them" : null);

/** A dataset, or a run that stands for those that it uses. */
const wantedOf = (desk: Desk) => datasetOf(desk) ?? (noRun(desk) === null ? (desk.selected()?.run_id ?? null) : null);
const nothingWanted = (desk: Desk) =>
  closedTo(desk) ?? (wantedOf(desk) === null ? "no dataset and no run is selected" : null);

const wish = (act: (desk: Desk, name: string) => Promise<string>): ActEntry => ({
  why: nothingWanted,
  run(desk) {
    const name = wantedOf(desk);
    if (name === null) return;
    desk.attempt(async () => {
      const said = await act(desk, name);
      desk.data.forget();
      desk.model.lookSoon(0);
      desk.tell(said, "good");
    });
  },
});

const titles = (wishes: readonly { name: string; version: string }[]) =>
  wishes.map((one) => safeText(`${one.name} ${one.version}`)).join(", ");

export const dataActs = {
  data_prewarm: wish(async ({ connection }, name) => {
    const { wishes } = await connection.ask("prewarm.wish", { names: [name], pin: false });
    return `asked for ${titles(wishes)}: it comes when a local disk has room and time`;
  }),
  data_pin: wish(async ({ connection }, name) => {
    const { wishes } = await connection.ask("prewarm.wish", { names: [name], pin: true });
    return `pinned ${titles(wishes)}: its copies are never made room of`;
  }),
  data_unpin: wish(async ({ connection }, name) => {
    const { wishes } = await connection.ask("prewarm.wish", { names: [name], pin: false, unpin: true });
    return `asked for, not pinned any more: ${titles(wishes)}`;
  }),
  data_cancel: wish(async ({ connection }, name) => {
    const { wishes } = await connection.ask("prewarm.cancel", { names: [name] });
    return wishes.length === 0 ? "nobody had asked for it" : `no longer asked for: ${titles(wishes)}`;
  }),
  data_add: { why: closedTo, run: later(load, (desk, { addForm }) => desk.openForm(addForm(desk))) },
  data_verify: {
    why: noDataset,
    run: later(load, (desk, { verifyForm }) => {
      const name = datasetOf(desk);
      if (name !== null) desk.openForm(verifyForm(desk, name));
    }),
  },
  data_remove: {
    why: noDataset,
    run: later(load, (desk, { removeDataset }) => {
      const name = datasetOf(desk);
      if (name !== null) removeDataset(desk, name);
    }),
  },
} satisfies Partial<Record<Act, ActEntry>>;
