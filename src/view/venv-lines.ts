/** The virtual environments of a worker for `ml prewarm` and `ml status`: built, under way, failed, removed for what. Pure. */
import { formatDuration } from "../core/duration.ts";
import { formatSize } from "../core/size.ts";
import type { Reply } from "../protocol/requests.ts";
import { type Face, type Line, span, wrapText } from "./face.ts";
import { shortId } from "./mark.ts";
import { safeText } from "./safe-text.ts";
import { type Column, layTable, type Row } from "./table.ts";
import { ago, timeMs } from "./time.ts";

type Venvs = NonNullable<Reply<"status">["workers"][number]["venvs"]>;

const columns: readonly Column[] = [
  { name: "environment", least: 12 },
  { name: "python" },
  { name: "size", align: "right" },
  { name: "used", keep: 2 },
  { name: "next", least: 10, keep: 1 },
];

function builtRow(one: Venvs["built"][number], face: Face): Row {
  const next =
    one.runs.length > 0
      ? span(`in use by ${one.runs.map(shortId).join(", ")}`, "live")
      : one.next_run !== null
        ? span(`next for ${shortId(one.next_run)}`)
        : span("nobody waits for it", "dim");
  return {
    environment: [span(safeText(one.lock), "strong"), span(` ${one.key.slice(0, 8)}`, "dim")],
    python: [span(safeText(one.python))],
    size: [span(formatSize(one.size_bytes))],
    used: [span(one.hits === 0 ? "not yet" : `${one.hits}×, ${ago(one.last_used_at, face.nowMs) ?? ""}`, "dim")],
    next: [next],
  };
}

const since = (at: string, face: Face) => formatDuration(Math.max(1000, face.nowMs - (timeMs(at) ?? face.nowMs)));

/** Nothing where there is nothing to tell. */
export function venvLines(venvs: Venvs | null | undefined, face: Face): Line[] {
  if (venvs == null || venvs.built.length + venvs.building.length + venvs.failed.length + venvs.evicted.length === 0)
    return [];
  const used = `${formatSize(venvs.used_bytes)} of ${formatSize(venvs.limit_bytes)} in ${safeText(venvs.folder)}`;
  const lines: Line[] = [[span("  environments", "strong"), span(`  ${used}`, "dim")]];
  if (venvs.built.length > 0) {
    const head = Object.fromEntries(columns.map(({ name }) => [name, [span(name, "dim")]]));
    lines.push(...layTable(columns, [head, ...venvs.built.map((one) => builtRow(one, face))], { face, indent: 2 }));
  }
  const say = (text: string, tone: "live" | "warn" | "dim") => {
    for (const part of wrapText(text, face.width - 2)) lines.push([span("  "), span(part, tone)]);
  };
  for (const { lock, for_run: run, started_at: at } of venvs.building)
    say(`building ${safeText(lock)}${run === null ? "" : ` for ${shortId(run)}`}, ${since(at, face)} so far`, "live");
  for (const { lock, reason, tries } of venvs.failed)
    say(`not built: ${safeText(lock)}: ${safeText(reason)}${tries > 1 ? ` (${tries} tries)` : ""}`, "warn");
  for (const gone of venvs.evicted.slice(0, 5))
    say(
      `removed ${safeText(gone.lock)} ${gone.key.slice(0, 8)} (${formatSize(gone.size_bytes)}) ${ago(gone.at, face.nowMs) ?? ""} for ${safeText(gone.for)}: no run uses it, and others are needed sooner`,
      "dim",
    );
  return lines;
}

/** The one line of `ml status`; nothing where no waiting run needs one, or all are there. */
export function venvStatusLines(venvs: Venvs | null, face: Face): Line[] {
  if (venvs == null || venvs.needed === 0) return [];
  const counted = `(${venvs.warm}/${venvs.needed} complete)`;
  const [building] = venvs.building;
  const [failed] = venvs.failed;
  if (building !== undefined)
    return [
      [
        span("Prewarming: ", "strong"),
        span(`environment ${safeText(building.lock)} ${counted}`),
        span(` building for ${since(building.started_at, face)}`, "dim"),
      ],
    ];
  if (failed === undefined) return [];
  return wrapText(
    `Prewarming: environment ${safeText(failed.lock)} ${counted}: ${safeText(failed.reason)}`,
    face.width,
  ).map((text) => [span(text, "warn")]);
}
