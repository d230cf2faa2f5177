/** `ml usage`: what was used, by whom, and how long was waited for it; --watch keeps it current. */
import type { Connection } from "../../client/connection.ts";
import { parseDuration } from "../../core/duration.ts";
import { readZoneAhead } from "../../core/local-offset.ts";
import type { Body, Reply } from "../../protocol/requests.ts";
import { visible } from "../../view/safe-text.ts";
import { usagePage } from "../../view/usage-page.ts";
import { type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";

const dayMs = 24 * 3_600_000;
const againMs = 5000;

function print(context: Context, connection: Connection, usage: Reply<"usage">): void {
  const { output } = context;
  const row = (key: string, one: Reply<"usage">["total"]) => {
    const { p50 = null, p90 = null, p99 = null } = one.wait_seconds ?? {};
    const numbers = [one.runs, one.waiting, one.gpu_hours, one.cpu_hours, one.share, p50, p90, p99, one.energy_kwh];
    return [visible(key), ...numbers];
  };
  output.result({
    schema: "ml.usage/1",
    value: () => usage,
    ids: () => usage.rows.map((one) => one.key),
    rows: () => [...usage.rows.map((one) => row(one.key, one)), row("all", usage.total)],
    human: () => pageText(usagePage(usage, faceOf(output, serverNowMs(connection))), output),
  });
}

export const command = defineCommand({
  name: "usage",
  group: "watch",
  summary: "who used how much, and how long was waited for it",
  about:
    "Hours of GPUs and CPU cores as they were asked for and held (by what runs, so far), the share of each user by the weights of the order, and how long runs waited: half of them at most p50, nine of ten at most p90. Energy is what was measured; a star says that not all runs were. `counts now` is what the order of the line goes by.",
  positionals: [],
  flags: {
    by: flag.choice(["user", "priority", "week"], "a row for each; default: user"),
    since: flag.text("TIME", "how far back, such as `24h` or `30d`; default 7d"),
    user: flag.text("USER", "only this user's runs", { short: "u" }),
    watch: flag.on("stay and show it anew every few seconds", { short: "w" }),
  },
  examples: [
    ["ml usage", "the last seven days by user"],
    ["ml usage --by week --since 12w", "a row for each week"],
  ],
  schemas: {
    "ml.usage/1":
      "`since`, `until`, `by`, `rows` (each `key`, `runs`, `waiting`, `gpu_hours`, `cpu_hours`, `share`, `wait_seconds`, `energy_kwh`, `energy_runs`), `total`, `utilisation`, `counted`, `half_life_hours`, `start_accuracy`",
  },
  async run(context, args) {
    const { by, since, user, watch } = args.flags;
    const days = since === null ? 7 : parseDuration(since, "time to look back") / dayMs;
    const connection = await context.connect();
    const body: Body<"usage"> = { by: (by ?? "user") as "user" | "priority" | "week", days, user };
    const { output } = context;
    if (output.mode === "human") await readZoneAhead();
    if (!watch) {
      print(context, connection, await connection.ask("usage", body));
      return undefined;
    }
    return context.detachable("the runs go on", async (signal) => {
      while (!signal.aborted) {
        const usage = await connection.ask("usage", body, { signal });
        if (output.mode === "json") output.jsonLine("ml.usage/1", usage);
        else {
          if (output.live) output.write("\x1b[H\x1b[2J");
          print(context, connection, usage);
        }
        await output.flush();
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, againMs);
          signal.addEventListener("abort", () => {
            clearTimeout(timer);
            resolve();
          });
        });
      }
      return undefined;
    });
  },
});
