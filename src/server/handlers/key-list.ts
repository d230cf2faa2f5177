/** All keys, without what would let anyone use them. */
import type { Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";

export function keyList(context: Context): Reply<"key.list"> {
  return { keys: context.keys.list() };
}
