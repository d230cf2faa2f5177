/**
 * Installed Python packages from their metadata on disk, in the form of `pip freeze --all`: `name==version`, or
 * `name @ url` for what was installed from a URL or folder (PEP 610). Starts nothing; a damaged package is left out and
 * counted. A listing is cached by its folder's modification time.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { withoutUserInfo } from "../core/secrets.ts";
import { readHead } from "./interpreter.ts";
import type { ProbeContext } from "./probe.ts";
import type { SiteFolder } from "./site-folders.ts";

export interface Package {
  name: string;
  /** Its line in a requirements file. */
  line: string;
}

/** A folder changed this recently may change again within the same tick of its clock: it is not cached. */
const racyMs = 2000;
const parallel = 64;

/** One entry per package, in pip's order; of two of the same name the first folder's, as `import` would. */
export async function listPackages(
  folders: readonly SiteFolder[],
  context: Pick<ProbeContext, "cache" | "miss">,
): Promise<Package[]> {
  const lists = await Promise.all(folders.map((folder) => listFolder(folder, context)));
  const byName = new Map<string, Package>();
  for (const found of lists.flat()) {
    const key = canonical(found.name);
    if (!byName.has(key)) byName.set(key, found);
  }
  const sortKey = ({ name }: Package) => name.toLowerCase();
  return [...byName.values()].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

export function freezeText(packages: readonly Package[]): string {
  return packages.map(({ line }) => `${line}\n`).join("");
}

/** The name by which packages are the same (PEP 503). */
function canonical(name: string): string {
  return name.replace(/[-_.]+/g, "-").toLowerCase();
}

async function listFolder(
  folder: SiteFolder,
  { cache, miss }: Pick<ProbeContext, "cache" | "miss">,
): Promise<Package[]> {
  const key = String(folder.mtimeMs);
  const cached = await cache.get(`packages ${folder.path}`, key);
  if (Array.isArray(cached)) return cached as Package[];
  const entries = await readdir(folder.path).catch(() => null);
  if (entries === null) {
    miss(`\`${folder.path}\` cannot be listed`);
    return [];
  }
  const metadata = entries.filter((entry) => /\.(?:dist-info|egg-info|egg-link|egg)$/.test(entry)).sort();
  const found: Package[] = [];
  let damaged = 0;
  for (let from = 0; from < metadata.length; from += parallel) {
    const batch = metadata.slice(from, from + parallel).map((entry) => readPackage(folder.path, entry));
    for (const one of await Promise.all(batch)) {
      if (one === null) damaged += 1;
      else found.push(one);
    }
  }
  if (damaged > 0) miss(`${damaged} damaged package${damaged === 1 ? "" : "s"} in \`${folder.path}\``);
  const linked = metadata.some((entry) => entry.endsWith(".egg-link"));
  const racy = Date.now() - folder.mtimeMs < racyMs;
  if (damaged === 0 && !linked && !racy) cache.put(`packages ${folder.path}`, key, found);
  return found;
}

async function readPackage(folder: string, entry: string): Promise<Package | null> {
  const path = join(folder, entry);
  if (entry.endsWith(".dist-info")) return fromDistInfo(path, entry);
  if (entry.endsWith(".egg-link")) return fromEggLink(path, entry);
  if (entry.endsWith(".egg")) return fromMetadata(join(path, "EGG-INFO/PKG-INFO"));
  const isFolder = (await stat(path).catch(() => null))?.isDirectory() === true;
  return fromMetadata(isFolder ? join(path, "PKG-INFO") : path);
}

async function fromMetadata(path: string): Promise<Package | null> {
  const head = (await readHead(path, 4096)).toString("utf8").split(/\r?\n\r?\n/)[0] ?? "";
  const name = /^Name:\s*(\S+)/im.exec(head)?.[1];
  const version = /^Version:\s*(\S+)/im.exec(head)?.[1];
  return name === undefined || version === undefined ? null : { name, line: `${name}==${version}` };
}

async function fromDistInfo(path: string, entry: string): Promise<Package | null> {
  const [direct, read] = await Promise.all([
    readFile(join(path, "direct_url.json"), "utf8").catch(() => null),
    fromMetadata(join(path, "METADATA")),
  ]);
  const [, name, version] = /^(.+?)-([^-]+)\.dist-info$/.exec(entry) ?? [];
  const known = read ?? (name && version ? { name, line: `${name}==${version}` } : null);
  if (known === null || direct === null) return known;
  const url = directUrl(direct);
  return url === null ? known : { name: known.name, line: `${known.name} @ ${url}` };
}

interface DirectUrl {
  url?: unknown;
  subdirectory?: unknown;
  vcs_info?: { vcs?: unknown; commit_id?: unknown };
  archive_info?: { hash?: unknown; hashes?: Record<string, unknown> };
}

/** The requirement URL of a direct_url.json (PEP 610), without credentials; null where it says nothing usable. */
function directUrl(text: string): string | null {
  let direct: DirectUrl;
  try {
    direct = JSON.parse(text) as DirectUrl;
  } catch {
    return null;
  }
  if (typeof direct?.url !== "string") return null;
  const { vcs_info: vcs, archive_info: archive } = direct;
  const url = withoutUserInfo(direct.url);
  const full = vcs ? `${vcs.vcs}+${url}@${vcs.commit_id}` : url;
  const sha256 = archive?.hashes?.sha256;
  const fragments = [
    typeof sha256 === "string" ? `sha256=${sha256}` : typeof archive?.hash === "string" ? archive.hash : "",
    typeof direct.subdirectory === "string" ? `subdirectory=${direct.subdirectory}` : "",
  ].filter((part) => part !== "");
  return fragments.length === 0 ? full : `${full}#${fragments.join("&")}`;
}

/** `setup.py develop` leaves a file that names the source folder. */
async function fromEggLink(path: string, entry: string): Promise<Package | null> {
  const source = (await readFile(path, "utf8").catch(() => "")).split("\n")[0]?.trim() ?? "";
  const name = entry.replace(/\.egg-link$/, "");
  return source === "" ? null : { name, line: `${name} @ ${pathToFileURL(source).href}` };
}
