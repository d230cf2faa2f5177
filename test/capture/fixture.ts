/** Folders of one captured run, stub programs, and an environment that finds them first. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type CaptureOptions, captureEnvironment } from "../../src/capture/capture.ts";
import { tempFolder } from "../support/temp.ts";

export interface Fixture {
  folder: string;
  work: string;
  env: string;
  bin: string;
  /** Writes a file under the fixture's folder. */
  write(path: string, text: string): string;
  /** An executable sh script in bin/. */
  stub(name: string, body: string): string;
  /** Captures, with everything pointing into the fixture and an empty file system around it. */
  capture(argv: string[], options?: Partial<CaptureOptions>): ReturnType<typeof captureEnvironment>;
}

export function fixture(): Fixture {
  const folder = tempFolder();
  const [work, env, bin, root] = ["work", "env", "bin", "root"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const path of [work, bin, root]) mkdirSync(path);
  const write = (path: string, text: string) => {
    const full = join(folder, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    return full;
  };
  return {
    folder,
    work,
    env,
    bin,
    write,
    stub: (name, body) => {
      const path = write(join("bin", name), `#!/bin/sh\n${body}\n`);
      chmodSync(path, 0o755);
      return path;
    },
    capture: (argv, options = {}) =>
      captureEnvironment({
        argv,
        workFolder: work,
        envFolder: env,
        childEnv: { PATH: `${bin}:/usr/bin:/bin`, HOME: folder },
        cacheFolder: join(folder, "cache"),
        budgetMs: 10_000,
        toolPath: `${bin}:/usr/bin:/bin`,
        root,
        ...options,
      }),
  };
}
