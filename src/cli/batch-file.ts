/**
 * `ml queue --from FILE`: many runs in one file, a line each. A line is either words as in a shell (flags of `ml queue`
 * before the script, `#` comments, nothing expanded) or one JSON object. Every line is checked before anything is sent,
 * and errors name file and line.
 */
import { readFileSync } from "node:fs";
import { MlError, messageOf, systemCode } from "../core/error.ts";
import { shellWords } from "../core/shell-words.ts";

export interface BatchLine {
  /** `runs.txt:12`. */
  where: string;
  /** Words after `ml queue`, or the JSON object. */
  given: { kind: "words"; words: string[] } | { kind: "object"; object: Record<string, unknown> };
}

/** `-` is standard input. Throws `not_found`, `usage`. */
export async function readBatch(file: string): Promise<BatchLine[]> {
  const name = file === "-" ? "stdin" : file;
  const lines = parseBatch(file === "-" ? await Bun.stdin.text() : readText(file), name);
  if (lines.length === 0)
    throw new MlError("usage", `\`${name}\` holds no runs to queue`, { hint: "write one command a line" });
  return lines;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new MlError("not_found", `the file \`${file}\` cannot be read`, {
      cause: systemCode(cause) === "ENOENT" ? "there is no such file" : messageOf(cause),
      hint: "name a file with one command a line, or `-` for standard input",
    });
  }
}

export function parseBatch(text: string, name: string): BatchLine[] {
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  return lines.flatMap((line, index) => {
    const where = `${name}:${index + 1}`;
    return atLine(where, () => parseLine(line, where));
  });
}

function parseLine(line: string, where: string): BatchLine[] {
  const trimmed = line.trim();
  if (trimmed.startsWith("{")) return [{ where, given: { kind: "object", object: parseObject(trimmed) } }];
  const words = shellWords(trimmed);
  return words.length === 0 ? [] : [{ where, given: { kind: "words", words } }];
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new MlError("usage", "the line begins with `{` and is no JSON object", { cause: messageOf(cause) });
  }
}

/** Puts `file:line: ` before whatever `act` has to say against the line. */
export function atLine<T>(where: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    if (!(cause instanceof MlError)) throw cause;
    throw new MlError(cause.code, `${where}: ${cause.message}`, cause.detail);
  }
}
