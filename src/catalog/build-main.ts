/**
 * `ml __index build BASE PATH` makes an index in a process of its own, so that the server goes on answering; lines of JSON on
 * stdout say how far it is. `ml __index read BASE PATH NAME` is a helper of it. Both end when nobody reads what they say any
 * more, so that nothing is left over from a server that was killed.
 */
import * as fs from "node:fs";
import { messageOf, systemCode } from "../core/error.ts";
import { basePaths } from "../run/paths.ts";
import { buildIndex } from "./build-index.ts";
import { leaveParts } from "./row-parts.ts";

function say(value: object): void {
  fs.writeSync(1, `${JSON.stringify(value)}\n`);
}

async function build(base: string, path: string): Promise<void> {
  const runs = await buildIndex(basePaths(base), path, { onProgress: (read) => say({ read }) });
  say({ runs });
}

export async function indexMain([act, base = "", path = "", name = ""]: readonly string[]): Promise<never> {
  try {
    await (act === "build" ? build(base, path) : leaveParts(basePaths(base), path, name));
    process.exit(0);
  } catch (cause) {
    if (act === "build" && systemCode(cause) !== "EPIPE") say({ failed: messageOf(cause) });
    else if (systemCode(cause) !== "EPIPE") console.error(messageOf(cause));
    process.exit(1);
  }
}
