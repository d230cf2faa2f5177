/** `ml enable gpu|host NAME`: a host or a card that was set aside takes runs again. */
import { defineCommand } from "../command.ts";
import { setPlace } from "../setting-aside.ts";

export const command = defineCommand({
  name: "enable",
  group: "set up",
  summary: "let a host or a GPU that was set aside take runs again",
  about:
    "A card that fails under a run, and a host or card on which everything fails, is set aside; `ml status` says so. What failed there before counts no more once it is returned. For administrators.",
  positionals: [
    { name: "KIND", about: "`gpu` or `host`" },
    {
      name: "NAME",
      about: "a host; or a card: its UUID, the start of it, or its index, as HOST/INDEX where several hosts have it",
    },
  ],
  flags: {},
  examples: [["ml enable gpu 0", "the first card takes runs again"]],
  schemas: { "ml.enable/1": "`kind`, `host`, `gpu` (null for a host), `aside`" },
  run: (context, args) => setPlace(context, { words: args.words, aside: false, reason: null }),
});
