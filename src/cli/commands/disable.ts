/** `ml disable gpu|host NAME`: nothing new is started there until `ml enable`; what runs goes on. */
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { setPlace } from "../setting-aside.ts";

export const command = defineCommand({
  name: "disable",
  group: "set up",
  summary: "start nothing new on a host or a GPU",
  about:
    "What runs there goes on. It holds over restarts and while no server is up, until `ml enable`. For administrators.",
  positionals: [
    { name: "KIND", about: "`gpu` or `host`" },
    { name: "NAME", about: "a host; or a card: its UUID, the start of it, or its index" },
  ],
  flags: { reason: flag.text("TEXT", "why, for those who wait", { short: "m" }) },
  examples: [["ml disable gpu 1 --reason 'fan is broken'", "the second card is left alone"]],
  schemas: { "ml.disable/1": "`kind`, `host`, `gpu` (null for a host), `aside`" },
  run: (context, args) => setPlace(context, { words: args.words, aside: true, reason: args.flags.reason }),
});
