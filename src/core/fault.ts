/**
 * Named crash points. `fault("worker/after-claim")` does nothing in a released executable: the build replaces
 * `FAULTS_COMPILED` by false and drops the body. In test builds and when run from source, the environment variable
 * `ML_FAULTS=name:nth:action[,…]` makes the nth visit of a point act: `kill` (SIGKILL to ourselves), `throw`, `enospc`,
 * `eio`, or `delay=MS`.
 */
declare const FAULTS_COMPILED: boolean | undefined;

const compiled = typeof FAULTS_COMPILED === "undefined" ? true : FAULTS_COMPILED;
const visits = new Map<string, number>();

interface Plan {
  name: string;
  nth: number;
  action: string;
}

let plans: Plan[] | null = null;

function readPlans(): Plan[] {
  const text = process.env.ML_FAULTS ?? "";
  return text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const [name = "", nth = "1", action = "kill"] = part.split(":");
      return { name, nth: Number(nth), action };
    });
}

/** A named point at which a test can make this process die, throw or stall. */
export function fault(name: string): void {
  if (!compiled) return;
  plans ??= readPlans();
  if (plans.length === 0) return;
  const count = (visits.get(name) ?? 0) + 1;
  visits.set(name, count);
  for (const plan of plans) {
    if (plan.name === name && plan.nth === count) act(name, plan.action);
  }
}

function act(name: string, action: string): void {
  if (action === "kill") process.kill(process.pid, "SIGKILL");
  if (action === "throw") throw new Error(`fault ${name}`);
  if (action === "enospc") throw Object.assign(new Error(`ENOSPC: fault ${name}`), { code: "ENOSPC" });
  if (action === "eio") throw Object.assign(new Error(`EIO: fault ${name}`), { code: "EIO" });
  if (action.startsWith("delay="))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(action.slice(6)));
}
