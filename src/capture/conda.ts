/**
 * Probe: the conda environment of the run's Python, read from its conda-meta/ folder without starting conda; kept as
 * env/conda.yml in the form of `conda env export`.
 */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { readHead } from "./interpreter.ts";
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
      const text = typeof cached === "string" ? cached : await exportText(prefix, meta);
      if (cached === null && Date.now() - found.mtimeMs > 2000) context.cache.put(`conda ${prefix}`, key, text);
      context.file("conda.yml", text);
      return {};
    }
    return {};
  },
};

async function exportText(prefix: string, meta: string): Promise<string> {
  const entries = (await readdir(meta)).filter((entry) => entry.endsWith(".json")).sort();
  const channels = new Set<string>();
  const lines: string[] = [];
  for (let from = 0; from < entries.length; from += parallel) {
    const batch = entries.slice(from, from + parallel);
    const heads = await Promise.all(batch.map((entry) => readHead(join(meta, entry), 8192)));
    for (const [at, entry] of batch.entries()) {
      const [, name, version, build] = /^(.+)-([^-]+)-([^-]+)\.json$/.exec(entry) ?? [];
      if (name) lines.push(`  - ${name}=${version}=${build}`);
      const channel = /"channel":\s*"([^"]+)"/.exec(heads[at]?.toString("utf8") ?? "")?.[1];
      if (channel) channels.add(channelName(channel));
    }
  }
  const listed = [...channels].sort().map((channel) => `  - ${channel}`);
  return [
    `name: ${JSON.stringify(basename(prefix))}`,
    ...(listed.length > 0 ? ["channels:", ...listed] : []),
    ...(lines.length > 0 ? ["dependencies:", ...lines] : ["dependencies: []"]),
    `prefix: ${JSON.stringify(prefix)}`,
    "",
  ].join("\n");
}

/** `conda-forge` from `https://conda.anaconda.org/t/<token>/conda-forge/linux-64`: no part that could be a token. */
function channelName(url: string): string {
  const parts = url.split("/").filter((part) => part !== "");
  const last = parts.at(-1) ?? url;
  return /^(?:noarch|(?:linux|osx|win)-\w+)$/.test(last) ? (parts.at(-2) ?? last) : last;
}
