/** Requests about runs on their way to another server; the bundles themselves travel by HTTP. Part of the table in requests.ts. */
import { z } from "zod";
import type { ArrivedPart } from "./bundle.ts";
import { declare, refs } from "./declare.ts";
import { limits } from "./frames.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A run as another server can tell whether it has it, and what would travel of it. */
export interface TravellingRun {
  run_id: string;
  name: string;
  status: string;
  queued_at: string;
  /** Its id where it was first made. */
  first_id: string;
  /** What makes it the same run everywhere; null while it has not ended. */
  content: string | null;
  /** Name of its code, where that would travel. */
  snapshot: string | null;
  files: number;
  size_bytes: number;
}

export const bundleRequests = {
  /** What would travel of these runs. Waits a while for the seal of one that has just ended. */
  "bundle.plan": declare<{ runs: TravellingRun[] }>()("viewer", () =>
    z.object({
      runs: refs,
      level: z.enum(["all", "some", "metadata"]).default("all"),
      artifacts: z.array(z.string().min(1).max(1024)).max(100).default([]),
    }),
  ),
  /**
   * Which of these runs are here, under which id, in the order asked, and which of other trackers are here as they were when they were
   * imported and are otherwise there now; which trees of code are; the contents that a cut
   * `PUT /bundles?resumable=1` left here, which need not be sent again, and what it left of files that were under way; and whether a bundle
   * may bring a content once for many files.
   */
  "bundle.known": declare<{
    run_ids: (string | null)[];
    as_before?: (string | null)[];
    snapshots: string[];
    kept: string[];
    once?: boolean;
    parts?: ArrivedPart[];
  }>()("user", () =>
    z.object({
      runs: z
        .array(z.object({ content: sha256, first_id: z.string().max(64), queued_at: z.string().max(64) }))
        .max(limits.pageRows),
      snapshots: z.array(sha256).max(limits.pageRows).default([]),
    }),
  ),
};
