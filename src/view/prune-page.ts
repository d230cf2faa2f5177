/** What pruning frees: a line a run with its largest files, and the sum. */
import { formatSize } from "../core/size.ts";
import type { Reply } from "../protocol/requests.ts";
import { type Face, type Line, span } from "./face.ts";
import { shortId } from "./mark.ts";
import { safeText } from "./safe-text.ts";
import { type Column, layTable } from "./table.ts";

const columns: readonly Column[] = [
  { name: "run", least: 6, most: 30 },
  { name: "id" },
  { name: "files", align: "right" },
  { name: "size", align: "right" },
  { name: "largest", least: 10, keep: 1 },
];
const shownRuns = 50;
const shownFiles = 3;

export function prunePage(found: Reply<"run.prune">, face: Face): Line[] {
  if (found.files === 0) return [[span("nothing fits: no space would be freed", "dim")]];
  const bySize = [...found.runs].sort((a, b) => b.size_bytes - a.size_bytes);
  const rows = bySize.slice(0, shownRuns).map((run) => ({
    run: [span(safeText(run.name), "strong")],
    id: [span(shortId(run.run_id), "accent")],
    files: [span(String(run.files))],
    size: [span(formatSize(run.size_bytes))],
    largest: [
      span(
        run.largest
          .slice(0, shownFiles)
          .map((file) => safeText(file.path))
          .join(", ") + (run.files > shownFiles ? ", …" : ""),
        "dim",
      ),
    ],
  }));
  const header = Object.fromEntries(columns.map(({ name }) => [name, [span(name, "dim")]]));
  const more = bySize.length > shownRuns ? [[span(`and ${bySize.length - shownRuns} more runs`, "dim")]] : [];
  const runs = `${found.runs.length} ${found.runs.length === 1 ? "run" : "runs"}`;
  const files = `${found.files} ${found.files === 1 ? "file" : "files"}`;
  const sum = `${found.dry_run ? "would free" : "freed"} ${formatSize(found.size_bytes)}`;
  return [
    ...layTable(columns, [header, ...rows], { face }),
    ...more,
    [],
    [span(sum, found.dry_run ? "warn" : "good"), span(`  ${files} of ${runs}; their records stay`)],
  ];
}
