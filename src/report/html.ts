/**
 * A report as one HTML file that needs nothing else: no script, no font and nothing from the network. Light or dark as the reader
 * has it, black on white on paper; pictures stand inline as SVG.
 */
import { escapeXml } from "../view/escape-xml.ts";
import { safeLines, safeText } from "../view/safe-text.ts";
import { type ReportBlock, type ReportDocument, type ReportTable, unknownText } from "./document.ts";

const style = `
  :root { color-scheme: light dark; --ink: #1f2328; --dim: #59636e; --ground: #fff; --line: #d1d9e0; --soft: #f6f8fa; --best: #0a6b2d }
  @media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9198a1; --ground: #0d1117; --line: #3d444d; --soft: #151b23; --best: #56d364 } }
  body { font: 16px/1.55 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink); background: var(--ground) }
  h1 { line-height: 1.2 } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem }
  .wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem }
  caption { caption-side: bottom; text-align: left; color: var(--dim); font-size: .85rem; padding-top: .5rem }
  thead { border-block: 2px solid var(--ink) } tbody { border-bottom: 2px solid var(--ink) } th { font-weight: 600 }
  th, td { padding: .25rem .8rem .25rem 0; text-align: left; vertical-align: top; white-space: nowrap } .right { text-align: right }
  td b { color: var(--best) } dl { display: grid; grid-template-columns: minmax(6.5em, max-content) 1fr; gap: .25rem 1.2rem }
  dt { color: var(--dim) } dd { margin: 0; overflow-wrap: anywhere } .unknown { color: var(--dim); font-style: italic }
  figure { margin: 1.5rem 0 } figure svg { max-width: 100%; height: auto; background: #fff; border-radius: 6px }
  figcaption, footer { color: var(--dim); font-size: .85rem } footer { margin-top: 3rem }
  pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .8rem; overflow-x: auto }
  @media print {
    :root { --ink: #000; --dim: #444; --ground: #fff; --line: #bbb; --soft: #fff; --best: #000 } body { max-width: none; margin: 0; font-size: 10pt }
    table, figure { break-inside: avoid } h2, h3 { break-after: avoid } pre { white-space: pre-wrap } .wide { overflow: visible } th, td { white-space: normal }
  }`;

const inline = (text: string) => escapeXml(safeText(text));
const words = (text: string) => safeLines(text).map(escapeXml).join("<br>");
const classOf = (align: string) => (align === "right" ? ' class="right"' : "");

function tableText({ id, caption, columns, rows }: ReportTable): string[] {
  const head = columns.map(({ title, align }) => `<th scope="col"${classOf(align)}>${inline(title)}</th>`);
  const body = rows.map((row) => {
    const cells = row.map(({ text, best }, at) => {
      const shown = best ? `<b>${inline(text)}</b>` : inline(text);
      return `<td${classOf(columns[at]?.align ?? "left")}>${shown === "" ? '<span class="unknown">—</span>' : shown}</td>`;
    });
    return `<tr>${cells.join("")}</tr>`;
  });
  return [
    `<div class="wide"><table id="${id}">`,
    `<caption>${inline(caption)}</caption>`,
    `<thead><tr>${head.join("")}</tr></thead>`,
    `<tbody>`,
    ...body,
    "</tbody></table></div>",
  ];
}

function blockLines(block: ReportBlock): string[] {
  switch (block.kind) {
    case "heading":
      return [`<h${block.level}>${inline(block.text)}</h${block.level}>`];
    case "prose":
      return [`<p>${words(block.text)}</p>`];
    case "facts":
      return [
        "<dl>",
        ...block.items.map(
          ({ label, text }) =>
            `<dt>${inline(label)}</dt><dd>${text === null ? `<span class="unknown">${unknownText}</span>` : words(text)}</dd>`,
        ),
        "</dl>",
      ];
    case "list":
      return ["<ul>", ...block.items.map((text) => `<li>${words(text)}</li>`), "</ul>"];
    case "commands":
      return [`<pre>${block.lines.map(inline).join("\n")}</pre>`];
    case "table":
      return tableText(block);
    case "figure":
      return [
        `<figure id="${block.id}">`,
        block.svg.trim(),
        `<figcaption>${inline(block.caption)}</figcaption></figure>`,
      ];
  }
}

export function reportHtml({ title, about, blocks }: ReportDocument): string {
  return [
    "<!doctype html>",
    '<html lang="en">',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width">',
    `<title>${inline(title)}</title>`,
    `<style>${style}\n</style>`,
    `<h1>${inline(title)}</h1>`,
    ...blocks.flatMap(blockLines),
    `<footer>${inline(about)}</footer>`,
    "</html>",
    "",
  ].join("\n");
}
