/** `ml workers`: the machines that start runs, what is free there, what is wrong, and what their runs use. */
import { plainWorker, workersPage } from "../../view/workers-page.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { showMachines } from "../watch-machines.ts";

export const command = defineCommand({
  name: "workers",
  group: "watch",
  summary: "show the machines that start runs, and what is free there",
  about:
    "For each worker: what of its machine is free, what is wrong or keeps it from starting runs, its GPUs, and what the runs in its hands use at this moment.",
  positionals: [],
  flags: { watch: flag.on("stay, and look again every second", { short: "w" }) },
  examples: [
    ["ml workers", "once"],
    ["ml workers --watch", "until Ctrl-C"],
    ["ml workers --json | jq '.workers[].free'", "for programs"],
  ],
  schemas: {
    "ml.workers/1":
      "`now`, `workers` (each `worker`, `host`, `pid`, `version`, `seen_at`, `alive`, `draining`, `capacity` and `free` (`slots`, `cpu_cores`, `gpus`, `ram_gb`, `disk_gb`), `running`, `gpus`, `gpus_seen_at`, `gpu_problem`, `uses` (`run_id`, `cpu_cores`, `ram_gb`, `gpu_utilization`, `gpu_memory_gb`), `problems`), `runs` in their hands; with --watch one line a look",
  },
  run(context, args) {
    return showMachines(context, {
      watch: args.flags.watch,
      page: workersPage,
      result: (machines) => ({
        schema: "ml.workers/1",
        value: () => machines,
        ids: () => machines.workers.map((one) => one.worker),
        rows: () => machines.workers.map(plainWorker),
      }),
    });
  },
});
