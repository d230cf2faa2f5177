/** Checks of what the code ran in and on: environment, container, data, seed, and when it ran. */
import * as fs from "node:fs";
import { isForeign } from "../core/foreign-origin.ts";
import { readJsonFile } from "../core/json-lines.ts";
import type { Manifest } from "../run/manifest.ts";
import { readBlob, readSnapshot } from "../run/objects.ts";
import type { BasePaths } from "../run/paths.ts";
import { pinningFiles } from "../run/pinning.ts";
import { isFinal } from "../run/status.ts";
import { type Check, plural } from "./check.ts";
import { seedingScript } from "./repro-gaps.ts";

export const environmentCheck: Check = {
  name: "environment",
  level: "basic",
  look({ manifest, found }) {
    const { environment } = manifest;
    const names = Object.keys(environment.files);
    const lacking = names.filter((path) => !found.has(path));
    const packages = environment.pip_freeze?.split("\n").filter((line) => line !== "").length ?? null;
    const python = environment.python_version === null ? "no Python" : `Python ${environment.python_version}`;
    return {
      state: lacking.length > 0 ? "failed" : manifest.started_at !== null && environment.os === null ? "unknown" : "ok",
      expected: "every captured file in env/",
      actual: `${python}${packages === null ? "" : `, ${plural(packages, "package")}`}, ${plural(names.length, "file")} in env/`,
      evidence: [
        ...lacking.map((path) => `${path}: missing`),
        ...environment.partial.map((why) => `not captured: ${why}`),
      ],
    };
  },
};

/** The environment could be built again: something says which versions of what. */
export const pinnedCheck: Check = {
  name: "pinned",
  level: "strict",
  look({ manifest, found, paths }) {
    const { environment } = manifest;
    const inEnv = [...found.keys()].filter((path) => path.startsWith("env/"));
    const locks = pinningFiles(inEnv, (path) => fs.readFileSync(`${paths.folder}/${path}`, "utf8"));
    const actual =
      environment.container_digest ??
      (locks.length > 0 ? locks.join(", ") : environment.pip_freeze === null ? null : "the list of installed packages");
    return {
      state: actual === null ? "failed" : "ok",
      expected: "a lock file, a list of packages, or the digest of an image",
      actual: actual ?? "nothing that names versions",
      cure:
        actual === null
          ? "keep a lock file next to the code: `uv lock`, `poetry lock`, `pip freeze > requirements.txt`"
          : null,
    };
  },
};

export const containerCheck: Check = {
  name: "container",
  level: "basic",
  look({ manifest }) {
    const { container_image: image, container_digest: digest } = manifest.environment;
    if (image === null) return { state: "skipped", actual: "no container was used" };
    return {
      state: digest === null ? "failed" : "ok",
      expected: "the digest of the image",
      actual: digest === null ? `${image}, whose digest is not known` : `${image} ${digest}`,
      cure: digest === null ? "name the image by digest: `IMAGE@sha256:…`" : null,
    };
  },
};

export const dataCheck: Check = {
  name: "data",
  level: "basic",
  look({ manifest }) {
    if (manifest.datasets.length === 0) return { state: "skipped", actual: "no data set was named" };
    const evidence: string[] = [];
    for (const { name, checksum, local_path: local, nas_path: nas, drift } of manifest.datasets) {
      if (typeof checksum !== "string") evidence.push(`${name}: no checksum was recorded`);
      const paths = [local, nas].filter((path): path is string => typeof path === "string");
      if (paths.length > 0 && !paths.some((path) => fs.existsSync(path)))
        evidence.push(`${name}: ${paths.join(" and ")} are gone`);
      if (drift !== null) {
        const { added, removed, changed, files } = drift;
        const seen = drift.seen === "queued" ? "when it was queued" : `at the ${drift.seen}`;
        evidence.push(
          `${name}: other than registered ${seen}: ${changed} changed, ${removed} gone, ${added} new (${files.slice(0, 3).join(", ")})`,
        );
      }
    }
    return {
      state: evidence.length === 0 ? "ok" : "failed",
      expected: "each with its checksum, and still there",
      actual: plural(manifest.datasets.length, "data set"),
      evidence,
    };
  },
};

const largestScriptBytes = 1024 * 1024;

/** The script of the run that sets a seed by itself; null where none is seen, or the code cannot be read. */
function ownSeed(base: BasePaths, manifest: Manifest): string | null {
  const { snapshot } = manifest.environment;
  if (snapshot === null) return null;
  try {
    return seedingScript(manifest, readSnapshot(base, snapshot), (hash) => {
      const bytes = readBlob(base, hash);
      return bytes.length > largestScriptBytes ? null : new TextDecoder().decode(bytes);
    });
  } catch {
    return null;
  }
}

export const seedCheck: Check = {
  name: "seed",
  level: "strict",
  look({ base, manifest }) {
    const seeds = Object.entries(manifest.environment.seeds).map(([name, value]) => `${name}=${value}`);
    const script = seeds.length > 0 ? null : ownSeed(base, manifest);
    const known = seeds.length > 0 || script !== null;
    return {
      state: known ? "ok" : "failed",
      expected: "a seed in the arguments, the variables, or the script",
      actual: seeds.length > 0 ? seeds.join(", ") : script === null ? "none was seen" : `\`${script}\` sets one`,
      cure: known ? null : "give the script a `--seed`, or `--env PYTHONHASHSEED=0`",
    };
  },
};

export const timesCheck: Check = {
  name: "times",
  level: "basic",
  look({ manifest, paths, nowMs }) {
    const evidence: string[] = [];
    const stamps = [
      ["queued", manifest.queued_at],
      ["started", manifest.started_at],
      ["ended", manifest.ended_at],
    ] as const;
    let before: { word: string; ms: number } | null = null;
    for (const [word, stamp] of stamps) {
      if (stamp === null) continue;
      const ms = Date.parse(stamp);
      if (Number.isNaN(ms)) evidence.push(`${word}: \`${stamp}\` is no time`);
      if (before !== null && ms < before.ms) evidence.push(`${word} before it was ${before.word}`);
      if (ms > nowMs + 60_000) evidence.push(`${word} in the future: ${stamp}`);
      before = { word, ms };
    }
    const { status, exit_code: code, failure } = manifest;
    const foreign = isForeign(manifest);
    if (!foreign && isFinal(status) && manifest.ended_at === null) evidence.push(`it is ${status} and has no end`);
    if (status === "completed" && code !== 0 && !(foreign && code === null))
      evidence.push(`it is completed with exit code ${code}`);
    if (!foreign && status === "failed" && failure === null) evidence.push("it failed, and nothing says why");
    const exit = (readJsonFile(paths.exitRecord) as { rc?: unknown } | null)?.rc;
    if (typeof exit === "number" && code !== null && exit !== code) {
      evidence.push(`exit code ${code}, but .run/exit.json has ${exit}`);
    }
    return {
      state: evidence.length === 0 ? "ok" : "failed",
      expected: "queued, started, ended, in this order, as the supervisor saw it",
      actual: stamps.flatMap(([word, stamp]) => (stamp === null ? [] : [`${word} ${stamp}`])).join(", "),
      evidence,
    };
  },
};
