/**
 * Probe: the conda environment of the run's Python, read from its conda-meta/ folder without starting conda; kept as
 * env/conda.yml in the form of `conda env export`, and as env/conda-explicit.txt in that of `conda list --explicit --md5`.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { withoutUserInfo } from "../core/secrets.ts";
import type { Probe } from "./probe.ts";

const parallel = 64;

export const condaProbe: Probe = {
  name: "conda",
  limitMs: 20_000,
  async run(context) {
    const { path } = await context.python();
    const prefixes = [path === null ? null : dirname(dirname(path)), context.childEnv.CONDA_PREFIX ?? null];
    for (const prefix of prefixes) {
      const meta = prefix === null ? null : join(prefix, "conda-meta");
      const found = meta === null ? null : await stat(meta).catch(() => null);
      if (prefix === null || meta === null || !found?.isDirectory()) continue;
      const key = String(found.mtimeMs);
      const cached = await context.cache.get(`conda ${prefix}`, key);
      const texts = (cached as CondaTexts | null) ?? (await readMeta(prefix, meta));
      if (cached === null && Date.now() - found.mtimeMs > 2000) context.cache.put(`conda ${prefix}`, key, texts);
      context.file("conda.yml", texts.exported);
      context.file("conda-explicit.txt", texts.explicit);
      return {};
    }
    return {};
  },
};

interface CondaTexts {
  exported: string;
  explicit: string;
}

async function readMeta(prefix: string, meta: string): Promise<CondaTexts> {
  const entries = (await readdir(meta)).filter((entry) => entry.endsWith(".json")).sort();
  const channels = new Set<string>();
  const lines: string[] = [];
  const urls: string[] = [];
  for (let from = 0; from < entries.length; from += parallel) {
    const batch = entries.slice(from, from + parallel);
    const texts = await Promise.all(batch.map((entry) => readFile(join(meta, entry), "utf8").catch(() => "")));
    for (const [at, entry] of batch.entries()) {
      const [, name, version, build] = /^(.+)-([^-]+)-([^-]+)\.json$/.exec(entry) ?? [];
      if (name) lines.push(`  - ${name}=${version}=${build}`);
      const field = (key: string) => new RegExp(`"${key}":\\s*"([^"]+)"`).exec(texts[at] ?? "")?.[1];
      const [channel, url, md5] = [field("channel"), field("url"), field("md5")];
      if (channel) channels.add(channelName(channel));
      if (url) urls.push(`${withoutUserInfo(url).replace(/\/t\/[^/]+\//, "/")}${md5 ? `#${md5}` : ""}`);
    }
  }
  const listed = [...channels].sort().map((channel) => `  - ${channel}`);
  const exported = [
    `name: ${JSON.stringify(basename(prefix))}`,
    ...(listed.length > 0 ? ["channels:", ...listed] : []),
    ...(lines.length > 0 ? ["dependencies:", ...lines] : ["dependencies: []"]),
    `prefix: ${JSON.stringify(prefix)}`,
    "",
  ].join("\n");
  return { exported, explicit: ["@EXPLICIT", ...urls, ""].join("\n") };
}

/**
 * As `conda env export` names it: `conda-forge` for `https://conda.anaconda.org/t/<token>/conda-forge/linux-64`, `defaults` for what
 * Anaconda serves, and any other by its URL, since its last word alone would be looked for elsewhere. No part that could be a token.
 */
function channelName(told: string): string {
  const url = withoutUserInfo(told)
    .replace(/\/t\/[^/]+(?=\/|$)/, "")
    .replace(/\/(?:noarch|(?:linux|osx|win)-\w+)?\/*$/, "");
  if (/^https?:\/\/repo\.anaconda\.com\/pkgs\//.test(url)) return "defaults";
  return url.replace(/^https?:\/\/conda\.anaconda\.org\//, "");
}
