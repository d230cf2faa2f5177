/** A plain table for people: columns as wide as their widest cell, two spaces between, nothing cut, nothing drawn. */

/** Cells must be safe already. Ends with a newline. */
export function textTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  options: { heading: (text: string) => string },
): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => Bun.stringWidth(row[column] ?? ""))),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - Bun.stringWidth(cell))))
      .join("  ")
      .trimEnd();
  return `${[options.heading(line(head)), ...rows.map(line)].join("\n")}\n`;
}
