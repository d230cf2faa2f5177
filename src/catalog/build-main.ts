/**
 * `ml __index build BASE PATH` makes an index in a process of its own, so that the server goes on answering; `ml __index
 * read BASE` is a helper of it. Lines of JSON on stdout say how far it is; both end when nobody reads them any more, so that
 * nothing is left over from a server that was killed.
 */
import * as fs from "node:fs";
import { messageOf, systemCode } from "../core/error.ts";
import { basePaths } from "../run/paths.ts";
import { buildIndex, gatherAll } from "./build-index.ts";

function say(value: object): void {
  let rest = Buffer.from(`${JSON.stringify(value)}\n`);
  while (rest.length > 0) rest = rest.subarray(fs.writeSync(1, rest));
}

async function build(base: string, path: string): Promise<void> {
  const runs = await buildIndex(basePaths(base), path, { onProgress: (read) => say({ read }) });
  say({ runs });
}

async function read(base: string): Promise<void> {
  const runIds = (await Bun.stdin.text()).split("\n").filter((runId) => runId !== "");
  // What many runs of one environment repeat is said with the first of them.
  const said = new Set<string>();
  for (const chunk of gatherAll(basePaths(base), runIds)) {
    for (const { found } of chunk) {
      const environment = found?.shared.environment;
      if (!environment) continue;
      if (said.has(environment.id)) environment.freeze = null;
      said.add(environment.id);
    }
    say(chunk);
  }
}

export async function indexMain([act, base = "", path = ""]: readonly string[]): Promise<never> {
  try {
    await (act === "build" ? build(base, path) : read(base));
    process.exit(0);
  } catch (cause) {
    if (systemCode(cause) !== "EPIPE") say({ failed: messageOf(cause) });
    process.exit(1);
  }
}
