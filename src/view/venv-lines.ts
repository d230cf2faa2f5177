/** The virtual environments of a worker for `ml prewarm` and `ml status`: built, under way, failed, removed for what. Pure. */
import { formatSize } from "../core/size.ts";
import type { Reply } from "../protocol/requests.ts";
import { type Face, type Line, span } from "./face.ts";
import { shortId } from "./mark.ts";
import {
  headedTable,
  nextSpan,
  notWarmedLines,
  pinnedSpans,
  remark,
  since,
  usedText,
  warmingLines,
} from "./prewarm-parts.ts";
import { safeText } from "./safe-text.ts";
import type { Column, Row } from "./table.ts";
import { ago } from "./time.ts";

type Venvs = NonNullable<Reply<"status">["workers"][number]["venvs"]>;

const columns: readonly Column[] = [
  { name: "environment", least: 12 },
  { name: "python" },
  { name: "size", align: "right" },
  { name: "used", keep: 2 },
  { name: "next", least: 10, keep: 1 },
];

function builtRow(one: Venvs["built"][number], face: Face): Row {
  return {
    environment: [span(safeText(one.lock), "strong"), span(` ${one.key.slice(0, 8)}`, "dim")],
    python: [span(safeText(one.python))],
    size: [span(formatSize(one.size_bytes))],
    used: [span(usedText(one, face), "dim")],
    next: [nextSpan(one), ...pinnedSpans(one, face)],
  };
}

/** Nothing where there is nothing to tell. */
export function venvLines(venvs: Venvs | null | undefined, face: Face): Line[] {
  if (venvs == null || venvs.built.length + venvs.building.length + venvs.failed.length + venvs.evicted.length === 0)
    return [];
  const used = `${formatSize(venvs.used_bytes)} of ${formatSize(venvs.limit_bytes)} in ${safeText(venvs.folder)}`;
  const lines: Line[] = [[span("  environments", "strong"), span(`  ${used}`, "dim")]];
  const rows = venvs.built.map((one) => builtRow(one, face));
  lines.push(...headedTable(columns, rows, face));
  const say = (text: string, tone: "live" | "warn" | "dim") => lines.push(...remark(text, tone, face));
  for (const { lock, for_run: run, started_at: at } of venvs.building)
    say(`building ${safeText(lock)}${run === null ? "" : ` for ${shortId(run)}`}, ${since(at, face)} so far`, "live");
  for (const { lock, reason, tries } of venvs.failed)
    say(`not built: ${safeText(lock)}: ${safeText(reason)}${tries > 1 ? ` (${tries} tries)` : ""}`, "warn");
  for (const gone of venvs.evicted.slice(0, 5))
    say(
      `removed ${safeText(gone.lock)} ${gone.key.slice(0, 8)} (${formatSize(gone.size_bytes)}) ${ago(gone.at, face.nowMs) ?? ""} for ${safeText(gone.for)}: ${gone.why ?? "no run uses it, and others are needed sooner"}`,
      "dim",
    );
  return lines;
}

/** The one line of `ml status`; nothing where no waiting run needs one, or all are there. */
export function venvStatusLines(venvs: Venvs | null, face: Face): Line[] {
  if (venvs == null || venvs.needed === 0) return [];
  const [building] = venvs.building;
  const [failed] = venvs.failed;
  const named = ({ lock }: { lock: string }) => `environment ${safeText(lock)}`;
  if (building !== undefined)
    return warmingLines(named(building), venvs, `building for ${since(building.started_at, face)}`);
  return failed === undefined ? [] : notWarmedLines(named(failed), venvs, { reason: failed.reason, face });
}
