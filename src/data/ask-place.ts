/** Asks a place for a sign of life, in a child process. Who asks at the same time gets the same answer: a dead mount holds one process. */
import { runJob } from "./child.ts";
import type { Probed } from "./probe.ts";

const asking = new Map<string, Promise<Probed>>();

export interface Question {
  /** No answer in that time is none. */
  stallMs: number;
  /** Default: true, it must be a folder that may be listed. */
  toList?: boolean;
}

/** Rejects with MlError: `try_later` where nothing comes in time, `not_found`, `not_allowed`, `failed`. */
export function askPlace(path: string, { stallMs, toList = true }: Question): Promise<Probed> {
  const key = `${stallMs} ${toList} ${path}`;
  const asked = asking.get(key);
  if (asked !== undefined) return asked;
  const answer = runJob({ kind: "probe", path, toList }, { stallMs }).finally(() => asking.delete(key));
  asking.set(key, answer);
  return answer;
}
