/** Who asks, as far as the door could tell. */
import type { Role } from "../protocol/requests.ts";
import type { EventSink } from "./hub.ts";

export interface Asker {
  user: string;
  role: Role;
  /** `socket`, or the address of the peer. */
  from: string;
  /** Where its events go; null for HTTP. */
  sink: EventSink | null;
}
