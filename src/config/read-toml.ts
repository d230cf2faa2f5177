/**
 * TOML as people write it, with the place of a mistake. Bun's reader reads; smol-toml, loaded only then, says where it is
 * wrong, which Bun's does not (1.4.5), and has the last word on whether it is.
 */

export interface TomlMistake {
  /** From 1. */
  line: number;
  column: number;
  /** Half a sentence. */
  why: string;
}

export type TomlRead = { table: Record<string, unknown>; mistake: null } | { table: null; mistake: TomlMistake };

/** A byte order mark before it is no mistake. Throws nothing. */
export function readToml(given: string): TomlRead {
  const text = given.replace(/^\uFEFF/, "");
  try {
    return { table: Bun.TOML.parse(text) as Record<string, unknown>, mistake: null };
  } catch {
    const { parse } = require("smol-toml") as typeof import("smol-toml");
    try {
      return { table: parse(text), mistake: null };
    } catch (cause) {
      const { line = 1, column = 1, message } = cause as { line?: number; column?: number; message: string };
      return { table: null, mistake: { line, column, why: plainly(message) } };
    }
  }
}

function plainly(message: string): string {
  return (message.split("\n")[0] ?? "")
    .replace(/^Invalid TOML document: /, "")
    .replace("trying to redefine an already defined table or value", "this key is there already");
}
