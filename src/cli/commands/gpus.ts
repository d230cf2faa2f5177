/** `ml gpus`: every card, how hard it works, who has it, and what stands against using it. */
import { gpusPage, plainGpu } from "../../view/gpus-page.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { showMachines } from "../watch-machines.ts";

export const command = defineCommand({
  name: "gpus",
  group: "watch",
  summary: "show the GPUs, who uses them and how hard",
  about:
    "A card is free where no run holds it and nobody else uses it. A card that is held in parts shows what is left of it. Cards are looked at while somebody asks, and while runs hold or want them.",
  positionals: [],
  flags: { watch: flag.on("stay, and look again every second", { short: "w" }) },
  examples: [
    ["ml gpus", "once"],
    ["ml gpus --watch", "until Ctrl-C"],
    ["ml gpus --json | jq '.gpus[] | select(.blocked != null)'", "for programs"],
  ],
  schemas: {
    "ml.gpus/1":
      "`now`, `gpus` (each `worker`, `host`, `seen_at`, `id`, `index`, `uuid`, `model`, `memory_gb`, `shareable_gb`, `free_memory_gb`, `used_gb`, `utilization` 0 to 1, `temperature_c`, `power_w`, `power_limit_w`, `throttled`, `runs`, `blocked`, `processes`), `problems` by worker; with --watch one line a look",
  },
  run(context, args) {
    return showMachines(context, {
      watch: args.flags.watch,
      page: gpusPage,
      result: ({ now, workers }) => ({
        schema: "ml.gpus/1",
        value: () => ({
          now,
          gpus: workers.flatMap(({ worker, host, gpus, gpus_seen_at: seen_at }) =>
            gpus.map((gpu) => ({ worker, host, seen_at, ...gpu })),
          ),
          problems: Object.fromEntries(
            workers.flatMap((one) => (one.gpu_problem === null ? [] : [[one.worker, one.gpu_problem]])),
          ),
        }),
        ids: () => workers.flatMap((one) => one.gpus.map((gpu) => gpu.id)),
        rows: () => workers.flatMap((one) => one.gpus.map((gpu) => plainGpu(one, gpu))),
      }),
    });
  },
});
