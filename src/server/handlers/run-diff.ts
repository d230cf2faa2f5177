/** How two runs differ, facet by facet, with the lines of code that changed. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { comparedPair } from "../compared-pair.ts";
import type { Context } from "../context.ts";

export async function runDiff(context: Context, body: ParsedBody<"run.diff">): Promise<Reply<"run.diff">> {
  const { a, b, code, facets } = await comparedPair(context, body);
  const end = ({ manifest }: typeof a) => ({
    run_id: manifest.run_id,
    name: manifest.name,
    user: manifest.user,
    status: manifest.status,
    queued_at: manifest.queued_at,
  });
  return { a: end(a), b: end(b), facets, code };
}
