/** Saves a search under a name, or forgets it; one that cannot be read is not saved. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";
import { catchUp, presentOf } from "./find.ts";

export function searchSave(context: Context, body: ParsedBody<"search.save">): Reply<"search.save"> {
  const { user } = context.asker;
  const query = body.query ?? null;
  if (query !== null) {
    catchUp(context);
    context.catalog.finder.read(context.searches.expand(query, user), { present: presentOf(context, null) });
  }
  context.searches.save(user, body.name, query);
  return { name: body.name, query };
}
