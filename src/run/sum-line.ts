/** The lines of SHA256SUMS, written and read as sha256sum(1) does, whatever the name of the file holds. Pure. */

/**
 * One line of SHA256SUMS. A name with a backslash, newline or carriage return is escaped and its line begins with a
 * backslash (coreutils, "md5sum invocation").
 */
export function sumLine(path: string, sha256: string): string {
  if (!/[\\\n\r]/.test(path)) return `${sha256}  ${path}\n`;
  const escaped = path.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
  return `\\${sha256}  ${escaped}\n`;
}

/** Path and hash of a line that sumLine wrote, or null. */
export function parseSumLine(line: string): { path: string; sha256: string } | null {
  const match = /^(\\?)([0-9a-f]{64}) [ *](.+)$/s.exec(line);
  if (match === null) return null;
  const [, escaped, sha256 = "", name = ""] = match;
  if (escaped === "") return { path: name, sha256 };
  const path = name.replaceAll(/\\([\\nr])/g, (_, char: string) => (char === "n" ? "\n" : char === "r" ? "\r" : "\\"));
  return { path, sha256 };
}

/** Hashes by path; lines that sumLine did not write are left out. */
export function parseSums(text: string): Map<string, string> {
  const lines = text.split("\n").flatMap((line) => parseSumLine(line) ?? []);
  return new Map(lines.map(({ path, sha256 }) => [path, sha256]));
}
