/** Trees to be moved, and edits in them: the same for the same seed, and compressing about as source code does. */
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const words = readWords();

/** Text that compresses about as source code does. */
function readWords(): string[] {
  const letters = "etaoinshrdlucmfwypvbgkjqxz";
  return Array.from({ length: 4000 }, (_, at) => {
    let word = "";
    for (let rest = at + 17; rest > 0; rest = Math.floor(rest / 7)) word += letters[rest % 26];
    return word;
  });
}

function sourceText(bytes: number, random: () => number): string {
  let text = "";
  for (let line = 0; text.length < bytes; line += 1) {
    const indent = " ".repeat(4 * Math.floor(random() * 4));
    const parts = Array.from({ length: 3 + Math.floor(random() * 6) }, () => words[Math.floor(random() ** 2 * 4000)]);
    text += `${indent}${parts.join("_")} = ${parts[0]}(${Math.floor(random() * 1e6)})  # ${line}\n`;
  }
  return text.slice(0, bytes);
}

/** mulberry32: the same tree for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function makeTree(
  folder: string,
  { files, bytes, seed }: { files: number; bytes: number; seed: number },
): string {
  const random = seeded(seed);
  for (let at = 0; at < files; at += 1) {
    const inside = join(folder, `package${Math.floor(at / 50)}`);
    if (at % 50 === 0) mkdirSync(inside, { recursive: true });
    writeFileSync(join(inside, `module${at}.py`), sourceText(bytes, random));
  }
  return folder;
}

export function noise(bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(buffer.subarray(at, Math.min(bytes, at + 65_536)));
  return buffer;
}

let editCount = 0;

/** A line changed in each of ten files. */
export function editTen(tree: string): void {
  editCount += 1;
  for (let at = 0; at < 10; at += 1) {
    const path = join(tree, `package${at * 4}`, `module${at * 200 + 7}.py`);
    const lines = readFileSync(path, "utf8").split("\n");
    lines[40 + at] = `edited_${editCount} = ${at}`;
    writeFileSync(path, lines.join("\n"));
  }
}

export function editLarge(path: string, how: "overwritten" | "inserted"): void {
  editCount += 1;
  const bytes = readFileSync(path);
  const place = 10_000_000 + editCount * 1_234_567;
  const mark = Buffer.from(`edit${String(editCount).padStart(6, "0")}`);
  if (how === "overwritten") bytes.set(mark, place);
  const edited = how === "overwritten" ? bytes : Buffer.concat([bytes.subarray(0, place), mark, bytes.subarray(place)]);
  writeFileSync(path, edited);
  const later = Date.now() / 1000 + editCount;
  utimesSync(path, later, later);
}
