/**
 * `ml __index build BASE PATH` makes an index in a process of its own, so that the server goes on answering; lines of JSON on
 * stdout say how far it is. `ml __index read BASE PATH NAME` is a helper of it. Both end when nobody reads what they say any
 * more, so that nothing is left over from a server that was killed.
 */
import * as fs from "node:fs";
import { messageOf, systemCode } from "../core/error.ts";
import { basePaths } from "../run/paths.ts";
import { buildIndex, drawAll } from "./build-index.ts";
import { leaveParts } from "./row-parts.ts";

function say(value: object): void {
  fs.writeSync(1, `${JSON.stringify(value)}\n`);
}

async function build(base: string, path: string): Promise<void> {
  const runs = await buildIndex(basePaths(base), path, { onProgress: (read) => say({ read }) });
  say({ runs });
}

/** On stdin a chunk of run ids a line. */
async function read(base: string, path: string, name: string): Promise<void> {
  const lines = (await Bun.stdin.text()).split("\n").filter((line) => line !== "");
  const chunks = lines.map((line) => line.split(" "));
  leaveParts(path, name, drawAll(basePaths(base), chunks));
}

export async function indexMain([act, base = "", path = "", name = ""]: readonly string[]): Promise<never> {
  try {
    await (act === "build" ? build(base, path) : read(base, path, name));
    process.exit(0);
  } catch (cause) {
    if (act === "build" && systemCode(cause) !== "EPIPE") say({ failed: messageOf(cause) });
    else if (systemCode(cause) !== "EPIPE") console.error(messageOf(cause));
    process.exit(1);
  }
}
