/** The licences of everything that travels in the executable, as one text: what `ml version --licences` prints. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const telling = /^(licen[cs]e|notice|copying|authors|patents|ffmpeg-source)/i;

interface Package {
  name: string;
  version: string;
  license?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

function findFolder(name: string, from: string): string | null {
  for (const folder of [join(from, "node_modules", name), join(root, "node_modules", name)])
    if (existsSync(join(folder, "package.json"))) return folder;
  return null;
}

/** The packages that ours needs to run, and theirs; each folder once. */
function folders(from: string, names: readonly string[], found = new Set<string>()): Set<string> {
  for (const name of names) {
    const folder = findFolder(name, from);
    if (folder === null || found.has(folder)) continue;
    found.add(folder);
    const { dependencies = {}, optionalDependencies = {} } = readPackage(folder);
    folders(folder, [...Object.keys(dependencies), ...Object.keys(optionalDependencies)], found);
  }
  return found;
}

const readPackage = (folder: string) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Package;

function noticeOf(folder: string): string {
  const { name, version, license = "see below" } = readPackage(folder);
  const texts = readdirSync(folder)
    .filter((file) => telling.test(file))
    .sort()
    .map((file) => `--- ${file}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`);
  return `=== ${name} ${version}: ${license}\n\n${texts.join("\n")}`;
}

export function licenceText(): string {
  const { dependencies = {} } = readPackage(root);
  const own = folders(root, Object.keys(dependencies));
  // The runtime is a development dependency, and in the executable all the same.
  const all = [...own, ...folders(root, ["bun"])].sort();
  return all.map(noticeOf).join("\n");
}
