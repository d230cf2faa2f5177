/** Where a report goes, by what was asked for, and writing it there: one text, or a folder with all forms and pictures. */
import * as fs from "node:fs";
import { join, resolve } from "node:path";
import { writeDurable } from "../core/durable.ts";
import { MlError, messageOf, systemCode } from "../core/error.ts";
import type { ReportDocument } from "../report/document.ts";

export const reportFormats = ["md", "latex", "html"] as const;
export type ReportFormat = (typeof reportFormats)[number];

export interface Destination {
  formats: ReportFormat[];
  /** Null: standard output. */
  place: { kind: "file" | "folder"; path: string } | null;
}

const endings: Record<string, ReportFormat> = { md: "md", markdown: "md", tex: "latex", html: "html", htm: "html" };
const fileNames: Record<ReportFormat, string> = { md: "report.md", latex: "report.tex", html: "report.html" };
const figureFolder = "figures";

function namedFormats(text: string | null): ReportFormat[] | null {
  if (text === null) return null;
  const words = text
    .split(",")
    .map((word) => word.trim().toLowerCase())
    .filter((word) => word !== "");
  const formats = words.map((word) => endings[word] ?? reportFormats.find((one) => one === word) ?? null);
  if (words.length === 0 || formats.includes(null))
    throw new MlError("usage", `\`--format ${text}\` is not understood`, {
      hint: "md, latex, html; several by commas",
    });
  return [...new Set(formats.filter((format) => format !== null))];
}

/** Throws `usage` where format and file contradict each other. */
export function destinationOf(format: string | null, out: string | null, cwd: string): Destination {
  const named = namedFormats(format);
  if (out === null) {
    if (named !== null && named.length > 1)
      throw new MlError("usage", "several forms of a report need a folder", { hint: "add `-o FOLDER`" });
    return { formats: named ?? ["md"], place: null };
  }
  const path = resolve(cwd, out);
  const ending = endings[/\.(\w+)$/.exec(out)?.[1]?.toLowerCase() ?? ""];
  const isFolder = out.endsWith("/") || fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder || ending === undefined) {
    if (!isFolder && /\.\w+$/.test(out) && named?.length !== 1)
      throw new MlError("usage", `\`${out}\` ends like no report`, {
        hint: "call it x.md, x.tex or x.html, or name a folder",
      });
    if (!isFolder && named?.length === 1 && /\.\w+$/.test(out))
      return { formats: named, place: { kind: "file", path } };
    return { formats: named ?? [...reportFormats], place: { kind: "folder", path } };
  }
  if (named !== null && (named.length > 1 || named[0] !== ending))
    throw new MlError("usage", `\`--format ${format}\` and \`-o ${out}\` contradict each other`, {
      hint: "leave one out, or name a folder",
    });
  return { formats: [ending], place: { kind: "file", path } };
}

/** The text in one form. `figures`: whether pictures lie beside it. */
export async function reportText(document: ReportDocument, format: ReportFormat, figures: boolean): Promise<string> {
  const folder = figures ? figureFolder : null;
  if (format === "md") return (await import("../report/markdown.ts")).reportMarkdown(document, folder);
  if (format === "latex") return (await import("../report/latex.ts")).reportLatex(document, folder);
  return (await import("../report/html.ts")).reportHtml(document);
}

/** PNG letters are a little larger than the picture at the width of a page. */
const pngScale = 3;

async function folderFiles(document: ReportDocument, formats: readonly ReportFormat[]) {
  const files: { path: string; data: string | Uint8Array }[] = [];
  for (const format of formats) files.push({ path: fileNames[format], data: await reportText(document, format, true) });
  for (const block of document.blocks) {
    if (block.kind !== "figure") continue;
    if (formats.includes("md")) files.push({ path: `${figureFolder}/${block.id}.svg`, data: block.svg });
    if (!formats.includes("latex")) continue;
    const { pngOf } = await import("../picture/png.ts");
    files.push({ path: `${figureFolder}/${block.id}.png`, data: await pngOf(block.svg, pngScale) });
  }
  return files;
}

/** The paths that were written. Throws `conflict` where one is there and `force` was not said, `failed` with what the disk says. */
export async function writeReport(
  document: ReportDocument,
  { formats, place }: Destination & { place: object },
  force: boolean,
): Promise<string[]> {
  const [only = "md"] = formats;
  const files =
    place.kind === "file"
      ? [{ path: place.path, data: await reportText(document, only, false) }]
      : (await folderFiles(document, formats)).map(({ path, data }) => ({ path: join(place.path, path), data }));
  const standing = files.find(({ path }) => fs.existsSync(path));
  if (standing !== undefined && !force)
    throw new MlError("conflict", `\`${standing.path}\` is there already`, {
      hint: "name another place, or add `--force`",
    });
  try {
    if (place.kind === "folder") {
      fs.mkdirSync(place.path, { recursive: true });
      if (files.some(({ path }) => path.startsWith(join(place.path, figureFolder))))
        fs.mkdirSync(join(place.path, figureFolder), { recursive: true });
    }
    for (const { path, data } of files) writeDurable(path, data, { sync: false });
  } catch (cause) {
    if (systemCode(cause) === null) throw cause;
    throw new MlError("failed", `the report cannot be written: ${messageOf(cause)}`, {
      hint: "name a file in a folder that exists and is yours",
    });
  }
  return files.map(({ path }) => path);
}
