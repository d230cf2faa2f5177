/** Who did what to which runs, when and why, the newest first. */
import type { Reply } from "../protocol/requests.ts";
import { type Face, type Line, span } from "./face.ts";
import { shortId } from "./mark.ts";
import { safeText } from "./safe-text.ts";
import { type Column, layTable, type Row } from "./table.ts";
import { fullTime, withClockTimes } from "./time.ts";

const columns: readonly Column[] = [
  { name: "when" },
  { name: "who" },
  { name: "did" },
  { name: "to", keep: 2 },
  { name: "why", keep: 1, least: 12 },
];
const namedRuns = 3;

export function auditPage({ deeds }: Reply<"audit.list">, face: Face): Line[] {
  if (deeds.length === 0) return [[span("nothing was done that you may see")]];
  const head: Row = Object.fromEntries(columns.map(({ name }) => [name, [span(name, "dim")]]));
  const rows = deeds.map((deed): Row => {
    const more = deed.runs.length > namedRuns ? ` +${deed.runs.length - namedRuns}` : "";
    return {
      when: [span(fullTime(deed.at) ?? "", "dim")],
      who: [span(safeText(deed.by))],
      did: [span(deed.action, "strong"), ...(deed.result === "refused" ? [span(" REFUSED", "bad")] : [])],
      to: [span(deed.runs.slice(0, namedRuns).map(shortId).join(" ") + more, "accent")],
      why: [span(withClockTimes(safeText(deed.detail ?? ""), face.nowMs))],
    };
  });
  return layTable(columns, [head, ...rows], { face });
}
