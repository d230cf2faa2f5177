/**
 * One request, however it came: known? allowed? well-formed? then its handler. Whatever is thrown becomes an error
 * value; what nobody expected is `internal`, is traced to a file, and never ends the server.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { isoTime } from "../core/clock.ts";
import { asMlError, type ErrorValue, MlError } from "../core/error.ts";
import { nearest } from "../core/nearest.ts";
import { type Ask, type Role, requests } from "../protocol/requests.ts";
import type { Asker } from "./asker.ts";
import type { Services } from "./context.ts";
import { handlers } from "./handlers.ts";

const ranks: Record<Role, number> = { viewer: 0, user: 1, admin: 2 };
const keptTraces = 20;

export type Outcome = { reply: unknown } | { error: ErrorValue };

/** Writes the trace of a bug beside the databases, the last twenty of them, and logs its place. */
export function traceBug(
  services: Pick<Services, "state" | "log" | "bugs">,
  what: string,
  cause: unknown,
): string | null {
  services.bugs.add();
  const stack = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  try {
    const folder = join(services.state.stateDir, "traces");
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, `${isoTime(Date.now()).replaceAll(":", "-")}-${process.pid}.txt`);
    fs.writeFileSync(path, `${what}\n${stack}\n`, { mode: 0o600 });
    const old = fs.readdirSync(folder).sort().slice(0, -keptTraces);
    for (const name of old) fs.rmSync(join(folder, name), { force: true });
    services.log.say("error", "bug", { in: what, trace: path });
    return path;
  } catch {
    services.log.say("error", "bug", { in: what, stack });
    return null;
  }
}

function isAsk(ask: string): ask is Ask {
  return Object.hasOwn(requests, ask);
}

function parseBody(ask: Ask, body: unknown): unknown {
  const parsed = requests[ask].body.safeParse(body ?? {});
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const place = issue?.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("") ?? "";
  throw new MlError(
    "usage",
    `\`${ask}\` was asked with a wrong \`${place.replace(/^\./, "") || "body"}\`: ${issue?.message ?? "it does not fit"}`,
    {
      hint: "docs/protocol.md lists every request",
    },
  );
}

async function handle(services: Services, asker: Asker, ask: string, body: unknown): Promise<unknown> {
  if (!isAsk(ask)) {
    const near = nearest(ask, Object.keys(requests));
    throw new MlError("unknown_request", `this server knows no request \`${ask.slice(0, 64)}\``, {
      hint: near === null ? "the server may be older than the client: upgrade it" : `did you mean \`${near}\`?`,
    });
  }
  const { role } = requests[ask];
  if (role !== "anyone" && ranks[asker.role] < ranks[role]) {
    services.audit.note(asker, { action: ask, result: "refused", detail: `needs the role ${role}` });
    throw new MlError("not_allowed", `\`${ask}\` needs the role ${role}, and this key has ${asker.role}`, {
      hint: "an administrator can give you another key: `ml key add NAME --role …`",
    });
  }
  const parsed = parseBody(ask, body);
  const handler = handlers[ask] as (context: Services & { asker: Asker }, body: unknown) => unknown;
  return await handler({ ...services, asker }, parsed);
}

/** Never throws. */
export async function answer(services: Services, asker: Asker, ask: string, body: unknown): Promise<Outcome> {
  try {
    return { reply: await handle(services, asker, ask, body) };
  } catch (cause) {
    if (services.reindexing.mend(cause)) {
      const hint = "ask again in a moment; `ml status` says how far it is";
      return { error: new MlError("try_later", "the index is damaged, and is being made anew", { hint }).toValue() };
    }
    const error = asMlError(cause, `answering \`${ask.slice(0, 64)}\``);
    if (error.code !== "internal") return { error: error.toValue() };
    const trace = traceBug(services, `ask ${ask.slice(0, 64)}`, cause);
    return {
      error: {
        ...error.toValue(),
        hint:
          trace === null
            ? "this is a bug: please report it"
            : `this is a bug: please report it with ${trace} of the server`,
      },
    };
  }
}

/** Throws `too_large` for a JSON text nested deeper than `limit`; cheap, before anything is parsed. */
export function requireShallow(text: string, limit: number): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 92) at += 1;
      else if (code === 34) inString = false;
    } else if (code === 34) inString = true;
    else if (code === 91 || code === 123) {
      depth += 1;
      if (depth > limit) throw new MlError("too_large", `the request is nested deeper than ${limit} levels`);
    } else if (code === 93 || code === 125) depth -= 1;
  }
}
