/** What the waiting line knows of a run, taken from its manifest: the folder is the truth, the entry a copy. */
import type { Manifest } from "../run/manifest.ts";
import type { QueueEntry } from "./port.ts";

export function entryFromManifest(manifest: Manifest): QueueEntry {
  return {
    runId: manifest.run_id,
    user: manifest.user,
    priority: manifest.priority,
    queuedAt: manifest.queued_at,
    held: manifest.launch.held,
    requested: manifest.resources.requested,
  };
}
