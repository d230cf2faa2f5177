/**
 * From the points of a sweep to runs. Each run has a submit_id that follows from the sweep, its point and its attempt, so
 * that queueing again after any interruption makes only what is missing, and nothing twice.
 */
import { MlError } from "../core/error.ts";
import { quoteCommand } from "../core/shell-quote.ts";
import { limits } from "../protocol/frames.ts";
import { type ParsedBody, submitSchema } from "../protocol/requests.ts";
import { requireManifest } from "../run/store.ts";
import { pointArguments } from "../sweep/command.ts";
import type { Sweep } from "../sweep/definition.ts";
import { type Point, pointKey } from "../sweep/expand.ts";
import type { PointState } from "../sweep/standing.ts";
import type { Context } from "./context.ts";
import { submit } from "./handlers/submit.ts";

export type Spec = ParsedBody<"submit">["runs"][number];

/** Ends of names: `003` of 120. */
function numbered(name: string, index: number, count: number): string {
  return `${name}.${String(index + 1).padStart(String(count).length, "0")}`;
}

function submitId(sweep: Sweep, point: Point, attempt: number): string {
  const text = `${sweep.sweep_id}\n${pointKey(point)}\n${attempt}`;
  return `sweep-${new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 40)}`;
}

/** Throws `usage` for a key that does not fit. */
export function requireSpec(given: Record<string, unknown>): Spec {
  const parsed = submitSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new MlError(
    "usage",
    `the runs of this sweep cannot be submitted: \`${issue?.path.join(".")}\`: ${issue?.message}`,
  );
}

export function commandOf(sweep: Sweep, point: Point): string[] {
  return pointArguments(sweep.argv, point, sweep.plans[0]?.style ?? "flag");
}

function specOf(sweep: Sweep, state: PointState, place: { index: number; count: number }): Spec {
  return requireSpec({
    ...sweep.wishes,
    submit_id: submitId(sweep, state.point, state.attempts),
    argv: commandOf(sweep, state.point),
    name: numbered(sweep.name, place.index, place.count),
    group: sweep.name,
    held: sweep.state === "paused",
    lineage: { kind: "sweep", sweep_id: sweep.sweep_id, sweep_point: state.point },
  });
}

/**
 * In the order in which they were asked for. Where what is behind is stopped, as drawn by lot, and always the same: a
 * grid that goes from bad to good would otherwise stop nobody.
 */
function inOrder<Row extends { state: PointState }>(sweep: Sweep, rows: Row[]): Row[] {
  if (sweep.halving === null) return rows;
  const lot = ({ state }: Row) => Bun.hash.xxHash32(pointKey(state.point));
  return rows.sort((a, b) => lot(a) - lot(b));
}

/** Queues a run for each of the chosen points. Returns the ids. Errors of submitting; what was queued before them stays. */
export async function queuePoints(
  context: Context,
  sweep: Sweep,
  options: { states: readonly PointState[]; chosen(state: PointState): boolean },
): Promise<string[]> {
  const { states, chosen } = options;
  const count = states.length;
  const wanted = states.flatMap((state, index) => (chosen(state) ? [{ state, index }] : []));
  const specs = inOrder(sweep, wanted).map(({ state, index }) => specOf(sweep, state, { index, count }));
  const queued: string[] = [];
  for (let at = 0; at < specs.length; at += limits.submitRuns) {
    const runs = specs.slice(at, at + limits.submitRuns);
    const reply = await submit(context, { runs, dry_run: false });
    queued.push(...reply.runs.map((run) => run.run_id));
  }
  return queued;
}

/** Completed runs of the same command, code and folder, by command. */
export function answeredBy(context: Context, spec: Spec, commands: readonly string[]): Map<string, string> {
  const wanted = new Set(commands);
  const found = new Map<string, string>();
  for (const record of context.catalog.completedOf(spec.snapshot, looked)) {
    if (!wanted.has(record.command) || found.has(record.command)) continue;
    try {
      const { environment, cwd, launch } = requireManifest(context.base.run(record.run_id));
      const same = environment.snapshot === spec.snapshot && cwd === spec.cwd;
      if (same && JSON.stringify(launch.env) === JSON.stringify(spec.env)) found.set(record.command, record.run_id);
    } catch {
      // A damaged run answers nothing.
    }
  }
  return found;
}

/** So many of the newest completed runs of the code are looked at. */
const looked = 20_000;

export const commandText = (sweep: Sweep, point: Point): string => quoteCommand(commandOf(sweep, point));
