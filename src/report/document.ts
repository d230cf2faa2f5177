/**
 * A report before it has a format: blocks in order, in plain words. Whoever writes one in Markdown, LaTeX or HTML escapes what
 * people wrote and adds nothing of its own.
 */

export interface ReportCell {
  text: string;
  /** The best value of its column. */
  best?: boolean;
}

export interface ReportTable {
  kind: "table";
  /** For references: `results`. */
  id: string;
  caption: string;
  columns: { title: string; align: "left" | "right" }[];
  rows: ReportCell[][];
}

export interface ReportFigure {
  kind: "figure";
  id: string;
  caption: string;
  svg: string;
}

export type ReportBlock =
  | { kind: "heading"; level: 1 | 2 | 3; text: string }
  | { kind: "prose"; text: string }
  /** `text` null: not known. */
  | { kind: "facts"; items: { label: string; text: string | null }[] }
  | { kind: "list"; items: string[] }
  | { kind: "commands"; lines: string[] }
  | ReportTable
  | ReportFigure;

export interface ReportDocument {
  title: string;
  /** When and with what it was made, of how many runs. */
  about: string;
  blocks: ReportBlock[];
}

export const unknownText = "unknown";
