/** Files of a run folder as a listing: size, time, where it comes from, path. */
import { formatSize } from "../core/size.ts";
import type { FileEntry } from "../protocol/file-entry.ts";
import { type Face, type Line, span, type Tone } from "./face.ts";
import { safeText } from "./safe-text.ts";
import { type Column, layTable, type Row } from "./table.ts";
import { fullTime } from "./time.ts";

const columns: readonly Column[] = [
  { name: "size", align: "right" },
  { name: "time", keep: 1 },
  { name: "origin" },
  { name: "path" },
];
const tones: Record<FileEntry["origin"], Tone> = { artifact: "good", code: "plain", record: "dim" };
const endings: Record<FileEntry["kind"], string> = { folder: "/", link: "@", other: "?", file: "" };

function fileRow(entry: FileEntry): Row {
  const folder = entry.kind === "folder";
  return {
    size: [folder ? span("") : span(formatSize(entry.size_bytes))],
    time: [span((fullTime(entry.modified) ?? "").slice(0, 16), "dim")],
    origin: [span(entry.origin, tones[entry.origin])],
    path: [span(safeText(entry.path), folder ? "accent" : "plain"), span(endings[entry.kind], "dim")],
  };
}

export function fileTable(entries: readonly FileEntry[], face: Face): Line[] {
  return layTable(columns, entries.map(fileRow), { face });
}
