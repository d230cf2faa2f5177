/** What is set aside of this machine: the whole host closes the door, a card is blocked. Looked at before each look at the line. */
import type { Shop } from "./shop.ts";

/** Throws nothing. */
export function lookAtAside(shop: Pick<Shop, "aside" | "blockedCards" | "door" | "host">): void {
  const mine = shop.aside.read().filter((entry) => entry.host === shop.host);
  const host = mine.find((entry) => entry.kind === "host");
  if (host === undefined) shop.door.delete("set aside");
  else
    shop.door.set("set aside", {
      why: `this host is set aside: ${host.why}; \`ml enable host ${shop.host}\` returns it`,
      untilMs: null,
    });
  shop.blockedCards.clear();
  for (const { kind, gpu, why } of mine)
    if (kind === "gpu" && gpu !== null) shop.blockedCards.set(gpu, `set aside: ${why}`);
}
