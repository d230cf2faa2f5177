/** `ml checkout RUN DIR`: the exact code of a run in a folder; with --diff also what differs from the tree here, today. */
import * as fs from "node:fs";
import { resolve } from "node:path";
import { MlError } from "../../core/error.ts";
import { formatSize } from "../../core/size.ts";
import {
  checkoutCode,
  type Difference,
  differencesSince,
  type FetchCode,
  fetchSnapshot,
} from "../../transfer/checkout.ts";
import { safeText } from "../../view/safe-text.ts";
import { collectCode } from "../code.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { fetchCodeOf } from "../run-files.ts";

export const command = defineCommand({
  name: "checkout",
  group: "code",
  summary: "put the exact code of a run into a folder",
  about:
    "Every file of the snapshot that the run was started from, each checked against its hash, with executable bits and links; nothing that the run wrote (`ml pull` fetches that). Without DIR and with --diff it only says what differs from the tree here.",
  positionals: [
    { name: "RUN", about: "which run", complete: "run" },
    { name: "DIR", about: "a folder, empty or not there yet", optional: true, complete: "folder" },
  ],
  flags: {
    force: flag.on("into a folder that is not empty: files of the same name are replaced, others stay"),
    diff: flag.on("say what differs from the tree here, as it is now"),
  },
  examples: [
    ["ml checkout k3f9ab ../as-it-ran", "the code as it ran"],
    ["ml checkout best:val_acc --diff", "what have I changed since my best run?"],
  ],
  schemas: {
    "ml.checkout/1":
      "`run_id`, `snapshot`, `to` (null without DIR), `files`, `written`, `kept`, `received_bytes`, `differs` (null without --diff; each `path`, `how`: added, removed, changed, as seen from the run)",
  },
  async run(context, args) {
    const [run = "", dir] = args.words;
    const { force, diff } = args.flags;
    if (dir === undefined && !diff) {
      throw new MlError("usage", "`ml checkout` was given no folder", { hint: `ml checkout ${run} DIR` });
    }
    const target = dir === undefined ? null : resolve(context.cwd, dir);
    if (target !== null) checkTarget(target, { force, run, dir: dir ?? "" });
    const connection = await context.connect();
    const { manifest } = await connection.ask("run.get", { run });
    const runId = manifest.run_id;
    const { output } = context;
    return context.detachable("interrupted; the same command with --force goes on", async (signal) => {
      const fetchCode: FetchCode = (have) => fetchCodeOf(connection, { runId, have, signal });
      const name = manifest.environment.snapshot;
      if (name === null) {
        throw new MlError("not_found", `run \`${runId}\` was queued without code`, { hint: `ml info ${runId}` });
      }
      const snapshot = await fetchSnapshot(fetchCode, name);
      const progress = output.progress("checking out", "bytes");
      const out =
        target === null
          ? null
          : await checkoutCode(fetchCode, snapshot, {
              target,
              signal,
              onProgress: (done, total) => progress.update(done, total),
            }).finally(() => progress.end());
      const differs = diff ? differencesSince(snapshot, (await collectCode(context)).tree.files) : null;
      output.result({
        schema: "ml.checkout/1",
        value: () => ({
          run_id: runId,
          snapshot: name,
          to: target,
          files: snapshot.files.length,
          written: out?.written ?? [],
          kept: out?.kept ?? [],
          received_bytes: out?.receivedBytes ?? 0,
          differs,
        }),
        ids: () => (target === null ? (differs ?? []).map(({ path }) => path) : [target]),
        rows: () => [
          ...(out?.written ?? []).map((path) => [path, "written"]),
          ...(out?.kept ?? []).map((path) => [path, "kept"]),
          ...(differs ?? []).map(({ path, how }) => [path, how]),
        ],
        human() {
          const count = `${snapshot.files.length} ${snapshot.files.length === 1 ? "file" : "files"}`;
          const kept = out !== null && out.kept.length > 0 ? `, ${out.kept.length} were there already` : "";
          const laid =
            out === null
              ? ""
              : `checked out ${count} of ${runId}, ${formatSize(out.receivedBytes)}, to ${safeText(target ?? "")}${kept}\n`;
          return laid + (differs === null ? "" : differenceText(differs));
        },
      });
      return 0;
    });
  },
});

function checkTarget(target: string, { force, run, dir }: { force: boolean; run: string; dir: string }): void {
  let entries: string[];
  try {
    entries = fs.readdirSync(target);
  } catch {
    // Not there, or no folder: making it says so.
    return;
  }
  if (entries.length === 0 || force) return;
  throw new MlError("refused", `\`${dir}\` is not empty, and nothing was written into it`, {
    hint: `name another folder, or \`ml checkout ${run} ${dir} --force\``,
  });
}

const marks = { added: "+", removed: "-", changed: "~" };

function differenceText(differs: readonly Difference[]): string {
  if (differs.length === 0) return "the tree here is exactly what ran\n";
  const lines = differs.map(({ path, how }) => `${marks[how]} ${how.padEnd(8)} ${safeText(path)}\n`);
  return `since the run, ${differs.length} ${differs.length === 1 ? "path has" : "paths have"} changed here:\n${lines.join("")}`;
}
