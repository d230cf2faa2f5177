/**
 * A process that works on a queue and says what it does, line by line, unbuffered: `add`, `work` or `churn`.
 *
 *     bun child.ts <spec as JSON> <mode> <name>
 */
import { writeSync } from "node:fs";
import { entry } from "./entry.ts";
import { openSpec } from "./spec.ts";

const [specText = "", mode = "", name = ""] = process.argv.slice(2);
const queue = openSpec(JSON.parse(specText));
const say = (...words: (string | number)[]) => writeSync(1, `${words.join(" ")}\n`);

/** Adds for ever, in batches of one to three; `added` comes after the answer. */
async function add(): Promise<void> {
  for (let n = 0; ; n += 1) {
    const ids = Array.from({ length: 1 + (n % 3) }, (_, at) => `${name}-${n}-${at}`);
    await queue.add(ids.map((runId) => entry(runId, { priority: 1 + (n % 10) })));
    say("added", ...ids);
  }
}

/** Takes everything there is, competing for each entry, until the line is empty. */
async function work(): Promise<void> {
  say("ready");
  while ((await queue.count()) === 0) await Bun.sleep(1);
  while ((await queue.count()) > 0) {
    for (const { runId } of await queue.waiting(8, false)) {
      const claim = await queue.claim(runId, name, 60_000);
      if (claim === null) {
        say("lost", runId);
        continue;
      }
      say("claimed", runId, claim.token);
      if (!(await queue.settle(claim))) say("unsettled", runId);
    }
  }
  say("done");
}

/** Claims, renews, gives back and settles for ever; `settling` comes before, `settled` after. */
async function churn(): Promise<void> {
  for (let n = 0; ; n += 1) {
    for (const { runId } of await queue.waiting(4, false)) {
      const claim = await queue.claim(runId, name, 60_000);
      if (claim === null) continue;
      await queue.renew(claim, 60_000);
      if (n % 2 === 0) await queue.giveBack(claim);
      else {
        say("settling", runId);
        if (await queue.settle(claim)) say("settled", runId);
      }
      n += 1;
    }
    await Bun.sleep(0);
  }
}

await { add, work, churn }[mode as "add" | "work" | "churn"]();
await queue.close();
