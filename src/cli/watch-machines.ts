/**
 * `ml gpus` and `ml workers`: asked once, or with --watch again every second, which is how often workers look while
 * somebody watches. On a terminal the page is redrawn over itself; elsewhere each look is printed below the one before.
 */
import type { Connection } from "../client/connection.ts";
import type { Face, Line } from "../view/face.ts";
import type { Machines } from "../view/gpus-page.ts";
import type { Context } from "./command.ts";
import type { Result } from "./output.ts";
import { faceOf, pageText, serverNowMs } from "./page.ts";
import { fitHeight, frameText } from "./watch.ts";

const everyMs = 1000;

export interface MachineView {
  watch: boolean;
  page(machines: Machines, face: Face): Line[];
  result(machines: Machines): Omit<Result, "human">;
}

export async function showMachines(context: Context, view: MachineView): Promise<number> {
  const connection = await context.connect();
  if (!view.watch) {
    const machines = await connection.ask("workers", {});
    print(context, connection, { view, machines });
    return 0;
  }
  return context.detachable("the runs go on", async (signal) => {
    const { output } = context;
    const redraws = output.live && context.env.TERM !== "dumb";
    let above = 0;
    while (!signal.aborted) {
      const machines = await connection.ask("workers", {}, { signal });
      if (signal.aborted) break;
      if (redraws) {
        const face = { ...faceOf(output, serverNowMs(connection)), width: process.stdout.columns ?? output.width };
        const rows = Math.max(3, (process.stdout.rows ?? 24) - 1);
        const lines = fitHeight(view.page(machines, face), rows);
        output.write(frameText(lines, above, output.colour));
        above = lines.length;
      } else print(context, connection, { view, machines });
      await output.flush();
      await pause(everyMs, signal);
    }
    return undefined;
  });
}

function print(
  context: Context,
  connection: Connection,
  { view, machines }: { view: MachineView; machines: Machines },
): void {
  const { output } = context;
  const result = view.result(machines);
  if (view.watch && output.mode === "json") {
    output.jsonLine(result.schema, result.value());
    return;
  }
  output.result({
    ...result,
    human: () => pageText(view.page(machines, faceOf(output, serverNowMs(connection))), output),
  });
}

function pause(forMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, forMs);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
