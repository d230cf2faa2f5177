/**
 * Doing things to runs: the same requests as the commands of the same names, one's own effects shown at once. What
 * cannot be undone, or is not one's own, is asked about first, with the command line that would do the same.
 */
import { formatSize } from "../core/size.ts";
import type { RunSummary } from "../protocol/summary.ts";
import type { ActEntry, Desk } from "./desk.ts";
import type { RunDetail } from "./detail.ts";
import type { FormState } from "./form.ts";
import type { Act } from "./key-table.ts";
import {
  annotateForm,
  narrativeForm,
  newRunForm,
  priorityForm,
  requeueForm,
  tagForm,
  verdictForm,
} from "./run-forms.ts";
import { closedTo, ended, ids, isLive, oneRun, shortIds, unless, waits, whatOf } from "./targets.ts";

function cancel(desk: Desk, now: boolean): void {
  const targets = desk.targets();
  const { user } = desk.connection.hello;
  const act = async () => {
    const reply = await desk.connection.ask("run.cancel", { runs: ids(targets), now, reason: null });
    for (const one of reply.runs) {
      if (one.stopping) desk.model.foresee(one.run_id, { stopping: { by: user, kill_in_seconds: now ? 0 : null } });
      else desk.model.foresee(one.run_id, { status: one.status });
    }
    const stopping = reply.runs.filter((one) => one.stopping).length;
    desk.tell(stopping > 0 ? `stopping ${whatOf(targets, user)}` : `cancelled ${whatOf(targets, user)}`, "good");
    desk.ui.marked.clear();
  };
  const own = targets.every((run) => run.user === user);
  const allWait = targets.every(waits);
  // One's own waiting run comes back with one key, so it goes without a question.
  if (targets.length === 1 && own && allWait && !now) {
    desk.attempt(act);
    return;
  }
  const how = now
    ? "It gets SIGKILL at once, without a chance to save anything."
    : allWait
      ? "Waiting runs leave the line at once."
      : "It gets SIGTERM, then SIGKILL when its grace period is over. What it wrote is kept.";
  desk.confirm({
    title: now ? "Kill now" : "Cancel",
    text: [`${now ? "Kill" : "Stop"} ${whatOf(targets, user)}?`, how],
    command: `ml cancel ${shortIds(targets)}${now ? " --now" : ""}${targets.length > 1 || !own ? " --yes" : ""}`,
    yes: now ? "kill it" : "stop it",
    dangerous: true,
    act,
  });
}

function remove(desk: Desk): void {
  const targets = desk.targets();
  const { user } = desk.connection.hello;
  desk.attempt(async () => {
    const would = await desk.connection.ask("run.delete", { runs: ids(targets), dry_run: true });
    const freed = would.runs.reduce((sum, one) => sum + one.size_bytes, 0);
    desk.confirm({
      title: "Delete",
      text: [
        `Delete ${whatOf(targets, user)} with all files?`,
        `This frees ${formatSize(freed)} and cannot be undone: log, metrics, artifacts and what was written about it go.`,
      ],
      command: `ml delete ${shortIds(targets)} --yes`,
      yes: "delete it",
      dangerous: true,
      async act() {
        await desk.connection.ask("run.delete", { runs: ids(targets) });
        desk.ui.marked.clear();
        desk.tell(`deleted ${whatOf(targets, user)}, ${formatSize(freed)} freed`, "good");
      },
    });
  });
}

function hold(desk: Desk): void {
  const targets = desk.targets();
  const held = !targets.every((run) => run.held);
  desk.attempt(async () => {
    await desk.connection.ask("run.hold", { runs: ids(targets), held });
    for (const run of targets) desk.model.foresee(run.run_id, { held, ...(held ? { position: null } : {}) });
    desk.tell(held ? "held: it keeps its place but does not start" : "released", "good");
  });
}

/** Opens a form that needs the run's whole record first. */
function withDetail(
  desk: Desk,
  open: (detail: RunDetail) => void | Promise<void>,
  run: RunSummary | null | undefined = desk.selected(),
): void {
  if (run == null) return;
  desk.opening(async () => {
    const known = desk.details.get(run.run_id)?.detail ?? (await desk.connection.ask("run.get", { run: run.run_id }));
    await open(known);
  });
}

/** Words about the marked runs, by a form of their own where they are several. */
const onTargets = (
  one: (desk: Desk, run: RunSummary) => void,
  many: (forms: typeof import("./many-forms.ts"), desk: Desk, runs: readonly RunSummary[]) => FormState,
): ActEntry => ({
  why: (desk) => unless(desk, () => true, ""),
  run(desk) {
    const targets = desk.targets();
    const [run] = targets;
    if (targets.length === 1 && run !== undefined) one(desk, run);
    else desk.opening(async () => desk.openForm(many(await import("./many-forms.ts"), desk, targets)));
  },
});

export const runActs = {
  new_run: { why: closedTo, run: (desk) => desk.openForm(newRunForm(desk)) },
  requeue: {
    why: (desk) => oneRun(desk),
    run: (desk) => withDetail(desk, (detail) => desk.openForm(requeueForm(desk, detail))),
  },
  edit: {
    why: (desk) => oneRun(desk, waits, "it waits no more; r queues it again, changed"),
    run: (desk) =>
      withDetail(desk, async (detail) => {
        const { editForm } = await import("./edit-form.ts");
        desk.openForm(editForm(desk, detail));
      }),
  },
  priority: {
    why: (desk) => unless(desk, waits, "it does not wait any more"),
    run: (desk) => desk.openForm(priorityForm(desk, desk.targets())),
  },
  hold: { why: (desk) => unless(desk, waits, "it does not wait any more"), run: hold },
  cancel: { why: (desk) => unless(desk, isLive, "it has ended"), run: (desk) => cancel(desk, false) },
  kill: {
    why: (desk) => unless(desk, (run) => isLive(run) && run.status !== "queued", "it is not running"),
    run: (desk) => cancel(desk, true),
  },
  delete: { why: (desk) => unless(desk, ended, "it has not ended; cancel it first"), run: remove },
  annotate: onTargets(
    (desk, run) => desk.openForm(annotateForm(desk, run)),
    (forms, desk, runs) => forms.annotateManyForm(desk, runs),
  ),
  verdict: onTargets(
    (desk, run) => withDetail(desk, (detail) => desk.openForm(verdictForm(desk, detail)), run),
    (forms, desk, runs) => forms.verdictManyForm(desk, runs),
  ),
  edit_narrative: {
    why: (desk) => oneRun(desk),
    run: (desk) => withDetail(desk, (detail) => desk.openForm(narrativeForm(desk, detail))),
  },
  tag: onTargets(
    (desk, run) => withDetail(desk, (detail) => desk.openForm(tagForm(desk, detail)), run),
    (forms, desk, runs) => forms.tagManyForm(desk, runs),
  ),
} satisfies Partial<Record<Act, ActEntry>>;
