/** A sweep: expanded, kept as a record, and a run queued for each of its points. Going on after an interruption is the same request. */
import { isoTime } from "../../core/clock.ts";
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { groupSchema, readGroup, writeGroup } from "../../run/group-record.ts";
import { badName, defaultName } from "../../run/name.ts";
import { type Sweep, sweepSchema } from "../../sweep/definition.ts";
import { pointKey } from "../../sweep/expand.ts";
import { listSweeps, readSweep } from "../../sweep/record.ts";
import { parseExpectation } from "../../think/expectation.ts";
import type { Context } from "../context.ts";
import { estimateOf } from "../sweep-estimate.ts";
import { answeredBy, commandText, queuePoints, requireSpec, type Spec } from "../sweep-queueing.ts";
import { expansionOf, keepSweep, standingOf, sweepSummary } from "../sweeps.ts";

type Body = ParsedBody<"sweep.create">;
/** Points that a reply lists; the count is always whole. */
const shownPoints = 1000;

function sweepIdOf(context: Context, createId: string): string {
  const hash = new Bun.CryptoHasher("sha256").update(`${context.asker.user}\n${createId}`).digest("hex");
  return `sw-${BigInt(`0x${hash.slice(0, 16)}`)
    .toString(36)
    .slice(0, 8)
    .padStart(8, "0")}`;
}

/** The name that was given, if it is free, or one made of the script and the parameters. */
function nameOf(context: Context, body: Body, argv: readonly string[], names: readonly string[]): string {
  const taken = new Set(listSweeps(context.base).map((sweep) => sweep.name));
  const isTaken = (name: string) => taken.has(name) || context.catalog.list({ group: name, limit: 1 }).length > 0;
  if (body.name !== null) {
    const bad = badName(body.name);
    if (bad !== null) throw new MlError("usage", `a sweep cannot be named \`${body.name}\`: ${bad}`);
    if (!isTaken(body.name)) return body.name;
    throw new MlError("conflict", `there is a sweep or a group named \`${body.name}\` already`, {
      hint: `\`ml sweep extend ${body.name} --grid …\` adds to a sweep; or give another name`,
    });
  }
  const own = `${defaultName(argv)}-${names.slice(0, 3).join("-")}`.slice(0, 80);
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? own : `${own}-${number}`;
    if (!isTaken(name)) return name;
  }
}

function requireGoal(stopIf: string | null): void {
  if (stopIf === null) return;
  const { clauses, unread } = parseExpectation(stopIf);
  if (clauses.length > 0 && unread.length === 0) return;
  throw new MlError("usage", `\`${stopIf}\` cannot be checked, so the sweep would never stop by it`, {
    hint: "write it like `val_acc>=0.95`",
  });
}

/** What the sweep says of itself is the narrative of its group. */
function tellGroup(context: Context, sweep: Sweep, spec: Spec): void {
  const { hypothesis = null, context: background = null, intent = null, expected_outcome: expected = null } = spec;
  if (readGroup(context.base, sweep.name) !== null) return;
  if ([hypothesis, background, intent, expected, spec.note ?? null].every((text) => text === null)) return;
  const at = isoTime(context.clock.nowMs());
  const told = { hypothesis, context: background, intent, expected_outcome: expected };
  const record = groupSchema.parse({
    group: sweep.name,
    created_at: at,
    created_by: context.asker.user,
    note: spec.note ?? null,
    narrative: told,
  });
  const entries = Object.entries({ ...told, note: spec.note ?? null }).flatMap(([field, value]) =>
    value === null ? [] : [{ at, by: context.asker.user, field, value }],
  );
  writeGroup(context.base, record, entries);
}

function draft(context: Context, body: Body): { sweep: Sweep; spec: Spec } {
  const known = readSweep(context.base, sweepIdOf(context, body.create_id));
  const spec = requireSpec({ ...body.run, submit_id: body.create_id });
  if (known !== null) return { sweep: known, spec };
  requireGoal(body.stop_if);
  if (body.halving !== null && body.goal === null)
    throw new MlError("usage", "halving compares runs by a metric, and the sweep has no goal", {
      hint: "name it: `--goal val_acc`, or `--goal min:loss`",
    });
  const plan = { ...body.plan, few_digits: true };
  const { names } = expansionOf(plan, body.limit);
  const { argv, submit_id: _, ...wishes } = body.run;
  const sweep = sweepSchema.parse({
    sweep_id: sweepIdOf(context, body.create_id),
    name: nameOf(context, body, spec.argv, names),
    user: context.asker.user,
    created_at: isoTime(context.clock.nowMs()),
    plans: [plan],
    argv: spec.argv,
    wishes: body.max_concurrent === null ? wishes : { ...wishes, group_limit: body.max_concurrent },
    max_concurrent: body.max_concurrent,
    stop_if: body.stop_if,
    goal: body.goal,
    halving: body.halving,
    state: spec.held ? "paused" : "active",
  });
  return { sweep, spec };
}

export async function sweepCreate(context: Context, body: Body): Promise<Reply<"sweep.create">> {
  const { sweep, spec } = draft(context, body);
  const { states, names } = standingOf(context, sweep);
  const commands = states.map((state) => commandText(sweep, state.point));
  const answers = answeredBy(context, spec, commands);
  const rows = states.map(({ point }, index) => {
    const command = commands[index] ?? "";
    return { point, command, answered_by: answers.get(command) ?? null };
  });
  const answered = rows.filter((row) => row.answered_by !== null).length;
  const wanted = rows.length - (body.skip_answered ? answered : 0);
  const preview = {
    name: sweep.name,
    parameters: names,
    points: rows.slice(0, shownPoints),
    count: rows.length,
    answered,
    estimate: estimateOf(context, spec, commands.length === 0 ? 0 : wanted),
  };
  if (body.dry_run) return { sweep: null, preview };
  if (body.skip_answered) {
    for (const { point, answered_by: by } of rows) if (by !== null) sweep.answered[pointKey(point)] = by;
  }
  if (readSweep(context.base, sweep.sweep_id) === null) {
    // The code must be here before the sweep is: `snapshot_missing` leaves nothing behind.
    await queueNothing(context, sweep, spec);
    keepSweep(context, sweep, { action: "create", reason: null });
    tellGroup(context, sweep, spec);
    context.audit.note(context.asker, { action: "sweep create", detail: sweep.sweep_id });
  }
  const isMissing = (state: (typeof states)[number]) =>
    state.run === null && !(pointKey(state.point) in sweep.answered);
  const goesOn = sweep.state === "active" || sweep.state === "paused";
  if (goesOn) await queuePoints(context, sweep, { states, chosen: isMissing });
  return { sweep: sweepSummary(context, sweep), preview };
}

/** The first run as a trial: everything about it is checked, and nothing queued. */
async function queueNothing(context: Context, sweep: Sweep, spec: Spec): Promise<void> {
  const { submit } = await import("./submit.ts");
  await submit(context, { runs: [{ ...spec, name: sweep.name, lineage: null }], dry_run: true });
}
