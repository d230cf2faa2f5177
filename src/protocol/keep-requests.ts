/** Requests about keeping runs: checking them, running them again, freeing what they take. Part of the table in requests.ts. */
import { z } from "zod";
import { declare, ref } from "./declare.ts";
import type { Validation } from "./keep.ts";

export const reproLevel = z.enum(["none", "basic", "strict"]);

export const keepRequests = {
  /** An ended run against its own record; `level` is the run's own where it is not given. Reads every file of it. */
  "run.validate": declare<Validation>()("viewer", z.object({ run: ref, level: reproLevel.nullable().default(null) })),
};
