/** A report as Markdown: pictures are named as files beside it, where there are files. */
import { prose } from "../view/notebook-text.ts";
import { safeText } from "../view/safe-text.ts";
import { type ReportBlock, type ReportDocument, type ReportTable, unknownText } from "./document.ts";

/** On one line; nothing of it becomes markup of HTML. */
const inline = (text: string) => safeText(text).replaceAll("<", "&lt;");
const cellText = (text: string) => inline(text).replaceAll("|", "\\|");
/** People's own Markdown stays theirs, but for tags. */
const words = (text: string, indent: string) => prose(text, indent).replaceAll("<", "&lt;");

function tableText({ caption, columns, rows }: ReportTable): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(({ title }) => cellText(title))),
    line(columns.map(({ align }) => (align === "right" ? "---:" : "---"))),
    ...rows.map((row) => line(row.map(({ text, best }) => (best ? `**${cellText(text)}**` : cellText(text) || "—")))),
    "",
    `*${inline(caption)}*`,
  ];
}

function blockLines(block: ReportBlock, figures: string | null): string[] {
  switch (block.kind) {
    case "heading":
      return [`${"#".repeat(block.level)} ${inline(block.text)}`];
    case "prose":
      return [words(block.text, "")];
    case "facts":
      return block.items.map(
        ({ label, text }) => `- **${inline(label)}:** ${text === null ? unknownText : words(text, "  ")}`,
      );
    case "list":
      return block.items.map((text) => `- ${words(text, "  ")}`);
    case "commands":
      return ["```sh", ...block.lines.map(safeText), "```"];
    case "table":
      return tableText(block);
    case "figure":
      return figures === null
        ? [`*${inline(block.caption)} (The curves are in the HTML form, or with \`-o FOLDER\`.)*`]
        : [`![${inline(block.caption)}](${figures}/${block.id}.svg)`, "", `*${inline(block.caption)}*`];
  }
}

/** `figures`: the folder of the pictures as SVG, relative to the text; null where there is none. */
export function reportMarkdown({ title, about, blocks }: ReportDocument, figures: string | null): string {
  const parts = [
    [`# ${inline(title)}`],
    ...blocks.map((block) => blockLines(block, figures)),
    ["---"],
    [inline(about)],
  ];
  return `${parts.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}
