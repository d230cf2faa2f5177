/** P15: the executable's size, the time to build it, and (with --long) a fresh clone until it answers. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { alternately, plainEnv, spread, timed } from "./measure.ts";
import { buildMl } from "./ours.ts";
import { compileNoop } from "./peers.ts";
import type { BenchContext, Line, Row } from "./table.ts";

const sizeMb = (path: string) => statSync(path).size / 1e6;

function freshClone(context: BenchContext): Line {
  const clone = join(context.folder, "clone");
  timed(["git", "clone", "-q", context.root, clone]);
  const env = { ...plainEnv(), ML_HOME: join(context.folder, "home") };
  const seconds = timed([join(clone, "ml"), "--version"], { cwd: clone, env }).ms / 1000;
  return {
    ...{ what: "`./ml` on a fresh clone", unit: "s", ours: spread([seconds]), goal: "<= 60 s", met: seconds <= 60 },
    note: "with whatever the package cache holds",
  };
}

export const row: Row = {
  id: "P15",
  title: "executable",
  async run(context) {
    const ml = sizeMb(context.ml);
    const found = await alternately(
      {
        ours: () => {
          const started = performance.now();
          buildMl(context.root, context.folder);
          return performance.now() - started;
        },
        noop: () => {
          const started = performance.now();
          compileNoop(context.folder);
          return performance.now() - started;
        },
      },
      context.long ? 7 : 3,
    );
    return [
      {
        ...{ what: "size", unit: "MB", ours: spread([ml]), goal: "<= 130 MB", met: ml <= 130 },
        limit: { name: "compiled no-op", value: spread([sizeMb(context.noop)]) },
      },
      {
        ...{ what: "build", unit: "ms", ours: found.ours, goal: "", met: null },
        limit: { name: "compiled no-op", value: found.noop },
      },
      ...(context.long ? [freshClone(context)] : []),
    ];
  },
};
