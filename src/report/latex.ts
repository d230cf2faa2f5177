/**
 * A report as LaTeX to be put into a paper's appendix by \input: sections, tables by booktabs, long ones by longtable; needs
 * nothing else, and graphicx where there are pictures. Whatever people wrote is text and never a command.
 */
import { latexText } from "../view/compare-table.ts";
import { type ReportBlock, type ReportDocument, type ReportTable, unknownText } from "./document.ts";

/** Characters that plain LaTeX has no letter for. */
const symbols: Record<string, string> = {
  "±": "$\\pm$",
  "↑": "$\\uparrow$",
  "↓": "$\\downarrow$",
  "→": "$\\rightarrow$",
  "≥": "$\\geq$",
  "≤": "$\\leq$",
  "≈": "$\\approx$",
  "×": "$\\times$",
  "−": "$-$",
  "∞": "$\\infty$",
  µ: "$\\mu$",
  "√": "$\\surd$",
  "…": "\\ldots{}",
  "“": "``",
  "”": "''",
  "—": "---",
  "–": "--",
  "✓": "+",
  "✗": "--",
  '"': "\\textquotedbl{}",
  "<": "\\textless{}",
  ">": "\\textgreater{}",
  "|": "\\textbar{}",
};

const text = (words: string) => latexText(words).replace(/[±↑↓→≥≤≈×−∞µ√…“”—–✓✗"<>|]/g, (sign) => symbols[sign] ?? sign);
/** What is typed: no dashes that grow together, quotes as they are on the keyboard. */
const typed = (line: string) => text(line).replaceAll("--", "-{}-").replaceAll("'", "\\textquotesingle{}");
/** Several lines: an empty one ends a paragraph. */
const paragraphs = (words: string) => words.split("\n").map(text).join("\n");
const sections = { 1: "section", 2: "subsection", 3: "subsubsection" } as const;

/** Above this many rows a table may break over pages. */
const pageRows = 35;

function tableText({ id, caption, columns, rows }: ReportTable): string[] {
  const row = (cells: readonly string[]) => `    ${cells.join(" & ")} \\\\`;
  const head = row(columns.map(({ title }) => text(title)));
  const body = rows.map((cells) =>
    row(cells.map((cell) => (cell.best ? `\\textbf{${text(cell.text)}}` : text(cell.text)))),
  );
  const align = columns.map((column) => (column.align === "right" ? "r" : "l")).join("");
  const label = `\\label{tab:ml-${id}}`;
  if (rows.length > pageRows)
    return [
      "{\\small",
      `\\begin{longtable}{${align}}`,
      `    \\caption{${text(caption)}}${label} \\\\`,
      ...["    \\toprule", head, "    \\midrule", "    \\endhead", ...body, "    \\bottomrule"],
      "\\end{longtable}}",
    ];
  return [
    "\\begin{table}[htbp]",
    "  \\centering\\small",
    `  \\caption{${text(caption)}}${label}`,
    `  \\begin{tabular}{${align}}`,
    ...["    \\toprule", head, "    \\midrule", ...body, "    \\bottomrule"],
    "  \\end{tabular}",
    "\\end{table}",
  ];
}

function blockLines(block: ReportBlock, figures: string | null): string[] {
  switch (block.kind) {
    case "heading":
      return [`\\${sections[block.level]}*{${text(block.text)}}`];
    case "prose":
      return [paragraphs(block.text)];
    case "facts":
      return [
        "\\begin{description}",
        ...block.items.map(
          (item) => `  \\item[${text(item.label)}] ${item.text === null ? unknownText : paragraphs(item.text)}`,
        ),
        "\\end{description}",
      ];
    case "list":
      return ["\\begin{itemize}", ...block.items.map((item) => `  \\item ${paragraphs(item)}`), "\\end{itemize}"];
    case "commands":
      return [
        "\\begin{flushleft}\\small",
        ...block.lines.map((line) => `\\texttt{${typed(line)}}\\\\`),
        "\\end{flushleft}",
      ];
    case "table":
      return tableText(block);
    case "figure":
      return figures === null
        ? [`% the picture is written with -o FOLDER: ${text(block.caption)}`]
        : [
            "\\begin{figure}[htbp]",
            `  \\centering\\includegraphics[width=.8\\linewidth]{${figures}/${block.id}.png}`,
            `  \\caption{${text(block.caption)}}\\label{fig:ml-${block.id}}`,
            "\\end{figure}",
          ];
  }
}

/** `figures`: the folder of the pictures as PNG, relative to the text; null where there is none. */
export function reportLatex({ title, about, blocks }: ReportDocument, figures: string | null): string {
  const packages = ["booktabs", "longtable", ...(figures === null ? [] : ["graphicx"])];
  const head = [
    `% ${text(about)}`,
    "% in the preamble: \\usepackage[T1]{fontenc}",
    ...packages.map((name) => `% in the preamble: \\usepackage{${name}}`),
    `\\section*{${text(title)}}`,
  ];
  return `${[head, ...blocks.map((block) => blockLines(block, figures))].map((lines) => lines.join("\n")).join("\n\n")}\n`;
}
