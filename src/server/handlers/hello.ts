/** First words of a connection: who is this server, and as whom does it know the asker. */
import { isoTime } from "../../core/clock.ts";
import { protocolVersion, version } from "../../core/version.ts";
import type { Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";

export function hello(context: Context): Reply<"hello"> {
  const { asker, identity, base, clock } = context;
  return {
    version,
    protocol: protocolVersion,
    user: asker.user,
    role: asker.role,
    host: identity.host,
    base: base.base,
    now: isoTime(clock.nowMs()),
    instance: identity.instance,
  };
}
