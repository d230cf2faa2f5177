/** The request for the manifests of many runs at once: for whoever makes new runs from old ones. Part of the table in requests.ts. */
import { z } from "zod";
import type { Manifest } from "../run/manifest.ts";
import { declare, refs } from "./declare.ts";

export const manifestRequests = {
  /**
   * Manifests of the first of these runs, each once and in their order: as many as make up one frame, and at least one. Ask
   * again for the others.
   */
  "runs.manifests": declare<{ manifests: Manifest[] }>()("viewer", () => z.object({ runs: refs })),
};
