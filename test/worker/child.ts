/** A worker in a process of its own, for tests that kill it: `bun child.ts BASE NAME`. ML_FAULTS works in it; ML_TEST_AHEAD has its settings `prewarm` and `venvs`. */
import { systemClock } from "../../src/core/clock.ts";
import { openSqliteQueue } from "../../src/queue/sqlite.ts";
import { basePaths, statePaths } from "../../src/run/paths.ts";
import { startWorker } from "../../src/worker/worker.ts";

const [folder = "", name = "w1"] = process.argv.slice(2);
const base = basePaths(folder);
const state = statePaths(folder);
const queue = openSqliteQueue(state.queueDatabase, { clock: systemClock });
const capacity = { slots: 4, cpuCores: 64, ramGb: 64, diskGb: null, cards: [] };
const { prewarm = null, venvs = null } = JSON.parse(process.env.ML_TEST_AHEAD ?? "{}");
await startWorker({ base, state, queue, name, capacity, capture: null, prewarm, venvs });
process.stdout.write("up\n");
