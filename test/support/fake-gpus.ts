/** GPUs on paper: a scenario of test/data/gpu played as `nvidia-smi` on a PATH of its own; its files may change while it plays. */
import * as fs from "node:fs";
import { join } from "node:path";
import { tempFolder } from "./temp.ts";

const data = join(import.meta.dir, "../data/gpu");

export interface FakeGpus {
  /** With the stub first. */
  path: string;
  program: string;
  /** Writes a file of the scenario, whole; null removes it. */
  put(name: "gpus.csv" | "apps.csv" | "fail" | "hang" | "list.txt", text: string | null): void;
  read(name: "gpus.csv"): string;
}

export function fakeGpus(scenario: string): FakeGpus {
  const folder = tempFolder("ml-gpu-");
  const scene = join(folder, "scene");
  fs.cpSync(join(data, scenario), scene, { recursive: true });
  const bin = join(folder, "bin");
  fs.mkdirSync(bin);
  const program = join(bin, "nvidia-smi");
  fs.writeFileSync(program, `#!/bin/sh\nexec sh ${join(data, "play.sh")} ${scene} "$@"\n`, { mode: 0o755 });
  return {
    path: `${bin}:${process.env.PATH}`,
    program,
    put(name, text) {
      const path = join(scene, name);
      if (text === null) return fs.rmSync(path, { force: true });
      fs.writeFileSync(`${path}.new`, text);
      fs.renameSync(`${path}.new`, path);
    },
    read: (name) => fs.readFileSync(join(scene, name), "utf8"),
  };
}

/** UUID of the card with this index in the scenarios. */
export const uuids = [
  "GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77",
  "GPU-8f6d3f0e-1c2b-4a59-9a0e-7c1e5a4b3d21",
  "GPU-c0a1b2d3-0f1e-4d2c-8b3a-112233445566",
  "GPU-e7f8a9b0-9d8c-4b7a-a6f5-665544332211",
] as const;
