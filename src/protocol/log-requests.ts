/** Requests about logs: their bytes, and what stands in them. Part of the table in requests.ts. */
import { z } from "zod";
import { declare, ref } from "./declare.ts";
import { limits } from "./frames.ts";

export const stream = z.enum(["output", "stdout", "stderr"]).default("output");

export const logRequests = {
  /** Bytes of a log from `offset`, or its last `tail_lines` lines or `tail_bytes`. `encoding` utf8 or base64, exact either way. */
  "log.read": declare<{
    run_id: string;
    offset: number;
    next: number;
    size: number;
    ended: boolean;
    encoding: "utf8" | "base64";
    data: string;
  }>()("viewer", () =>
    z.object({
      run: ref,
      stream,
      offset: z.number().int().min(0).optional(),
      tail_lines: z.number().int().min(0).max(1_000_000).optional(),
      tail_bytes: z.number().int().min(0).optional(),
      limit: z.number().int().min(1).max(limits.logChunkBytes).default(limits.logChunkBytes),
    }),
  ),
  /**
   * The first line with `text` at or after byte `from`, or the last before it. Looks at a bounded stretch; `next` is where to
   * ask on, null with a hit and where nothing is left. A text in lower case finds capitals too.
   */
  "log.search": declare<{
    run_id: string;
    line_offset: number | null;
    line_end: number | null;
    next: number | null;
    size: number;
  }>()("viewer", () =>
    z.object({
      run: ref,
      stream,
      text: z.string().min(1).max(1024),
      from: z.number().int().min(0),
      direction: z.enum(["forward", "backward"]),
    }),
  ),
};
