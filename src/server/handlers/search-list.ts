/** The searches that the asker saved. */
import type { Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";

export function searchList(context: Context): Reply<"search.list"> {
  const saved = Object.entries(context.searches.of(context.asker.user));
  return { searches: saved.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, query]) => ({ name, query })) };
}
