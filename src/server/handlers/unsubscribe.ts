/** No more events on this connection. */
import type { Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";

export function unsubscribe(context: Context): Reply<"unsubscribe"> {
  if (context.asker.sink !== null) context.hub.unsubscribe(context.asker.sink);
  return {};
}
