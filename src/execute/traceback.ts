/**
 * The last Python traceback in the tail of a log, and what it ends with. Pure. The form is the interpreter's own
 * (traceback.print_exception): a header, indented frames, and one unindented line `Type: message`.
 */

export interface Traceback {
  text: string;
  /** The exception's name without its module, such as `FileNotFoundError`. */
  type: string;
  message: string;
}

const header = "Traceback (most recent call last):";

export function lastTraceback(tail: string): Traceback | null {
  const at = tail.lastIndexOf(header);
  if (at < 0) return null;
  const lines = tail.slice(at).split("\n");
  for (let index = 1; index < lines.length; index += 1) {
    const line = (lines[index] ?? "").replace(/\r$/, "");
    if (line === "" || /^\s/.test(line)) continue;
    const match = /^((?:[\p{L}_][\p{L}\p{N}_]*\.)*([\p{L}_][\p{L}\p{N}_]*))(?::\s?(.*))?$/u.exec(line);
    if (match === null) return null;
    return {
      text: lines
        .slice(0, index + 1)
        .join("\n")
        .slice(-16_384),
      type: match[2] ?? "",
      message: match[3] ?? "",
    };
  }
  return null;
}
