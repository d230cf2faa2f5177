/**
 * A frame of the terminal UI as an SVG picture: the cells that a terminal would show, in a dark palette of sixteen colours.
 * Each run of equal cells is one text with its exact length, so that columns stay columns in every font.
 */
import type { Cell } from "../src/tui/raster.ts";
import type { Looks } from "../src/tui/theme.ts";

const cellWidth = 8.4;
const cellHeight = 17;
const margin = 12;
const background = "#16181d";
const foreground = "#d5d8de";
const palette = [
  ...["#2a2e37", "#e06c75", "#98c379", "#e5c07b", "#3b6ea8", "#c678dd", "#56b6c2", "#abb2bf"],
  ...["#5c6370", "#ef8891", "#b1d196", "#f0d49a", "#7ab7ff", "#d79ae8", "#7ccbd6", "#ffffff"],
];

function hex(colour: Looks["fg"], fallback: string): string {
  if (colour === null) return fallback;
  if (typeof colour !== "number") return `rgb(${colour.join(",")})`;
  if (colour < 16) return palette[colour] ?? fallback;
  if (colour >= 232)
    return `rgb(${Array(3)
      .fill(8 + (colour - 232) * 10)
      .join(",")})`;
  const level = (value: number) => (value === 0 ? 0 : 55 + value * 40);
  const at = colour - 16;
  return `rgb(${level(Math.floor(at / 36))},${level(Math.floor(at / 6) % 6)},${level(at % 6)})`;
}

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const escaped = (text: string) => text.replace(/[&<>]/g, (one) => escapes[one] ?? one);

function runSvg(text: string, looks: Looks, place: { x: number; y: number; columns: number }): string {
  const [fg, bg] = [hex(looks.fg, foreground), hex(looks.bg, background)];
  const [ink, ground] = looks.inverse ? [bg, fg] : [fg, bg];
  const x = (margin + place.x * cellWidth).toFixed(1);
  const y = margin + place.y * cellHeight;
  const width = (place.columns * cellWidth).toFixed(1);
  const rect =
    ground === background ? "" : `<rect x="${x}" y="${y}" width="${width}" height="${cellHeight}" fill="${ground}"/>`;
  if (text.trim() === "") return rect;
  const style = [
    looks.bold ? ' font-weight="bold"' : "",
    looks.dim ? ' opacity="0.55"' : "",
    looks.italic ? ' font-style="italic"' : "",
    looks.underline ? ' text-decoration="underline"' : "",
  ].join("");
  const at = `x="${x}" y="${y + 13.5}" textLength="${width}" lengthAdjust="spacingAndGlyphs"`;
  return `${rect}<text ${at} fill="${ink}"${style}>${escaped(text)}</text>`;
}

const sameLooks = (left: Looks, right: Looks) => JSON.stringify(left) === JSON.stringify(right);

export function frameSvg(grid: readonly (readonly Cell[])[], title: string): string {
  const parts: string[] = [];
  for (const [y, row] of grid.entries()) {
    for (let from = 0; from < row.length; ) {
      const looks = row[from]?.looks as Looks;
      let to = from;
      while (to < row.length && sameLooks(row[to]?.looks as Looks, looks)) to += 1;
      const text = row
        .slice(from, to)
        .map((cell) => cell.text)
        .join("");
      parts.push(runSvg(text, looks, { x: from, y, columns: to - from }));
      from = to;
    }
  }
  const width = Math.ceil(2 * margin + (grid[0]?.length ?? 0) * cellWidth);
  const height = 2 * margin + grid.length * cellHeight;
  const font = `font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" xml:space="preserve"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><title>${escaped(title)}</title><rect width="100%" height="100%" rx="8" fill="${background}"/><g ${font}>\n${parts.filter((part) => part !== "").join("\n")}\n</g></svg>\n`;
}
