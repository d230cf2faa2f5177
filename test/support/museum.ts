/** Copies of the run folders that earlier versions have written and that are kept, byte for byte, in test/data. */
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type BasePaths, basePaths } from "../../src/run/paths.ts";
import { tempFolder } from "./temp.ts";

const data = join(import.meta.dir, "../data");

/** `format-1` and so on, oldest first. */
export const formats = readdirSync(data).filter((name) => name.startsWith("format-"));

/** A base of its own with everything of one format. */
export function museum(format: string): BasePaths {
  const base = tempFolder("ml-museum-");
  cpSync(join(data, format), base, { recursive: true });
  return basePaths(base);
}
