/** `ml pull RUN [PATH…]`: copies files of a run here; what was begun is gone on with, what is here already is left. */
import { join, resolve } from "node:path";
import type { Connection } from "../../client/connection.ts";
import { MlError } from "../../core/error.ts";
import { formatSize, parseSize } from "../../core/size.ts";
import type { FileEntry } from "../../protocol/file-entry.ts";
import { makeOwnFolder } from "../../transfer/place.ts";
import { pullFiles } from "../../transfer/pull.ts";
import { paced } from "../../transfer/rate.ts";
import { safeText } from "../../view/safe-text.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { fetchFile, fetchPackOf, listFiles, pullable } from "../run-files.ts";

const mostFiles = 100_000;

export const command = defineCommand({
  name: "pull",
  group: "watch",
  summary: "copy files of a run here",
  about:
    "Without PATH everything of the run folder; else the named files and folders, as `ml ls` shows them, or patterns in quotes (`'**/*.pt'`); what the run folder lacks is looked for in work/. A file that is here in an older version comes as what differs. They arrive under a folder named by the run, whose `.gitignore` keeps it out of git and out of the code of later runs, or under --to. A pull that was cut goes on where it stopped when it is typed again.",
  positionals: [
    { name: "RUN", about: "which run", complete: "run" },
    { name: "PATH", about: "files or folders; default: all", optional: true, many: true },
  ],
  flags: {
    to: flag.text("DIR", "where to; default: a folder named by the run", { complete: "folder" }),
    limitRate: flag.text("SIZE", "at most so many bytes a second, such as 2M"),
  },
  examples: [
    ["ml pull @last", "the whole run"],
    ["ml pull k3f9ab work/checkpoints --to .", "one folder, here"],
    ["ml pull @last '*.csv' '**/best.pt'", "what the patterns fit, chosen on the server"],
  ],
  schemas: { "ml.pull/1": "`run_id`, `to`, `written`, `unchanged`, `left_out` (each `path`, `why`), `received_bytes`" },
  async run(context, args) {
    const [run = "", ...paths] = args.words;
    const { limitRate } = args.flags;
    const bytesPerSecond = limitRate === null ? null : Math.max(1, parseSize(limitRate, "rate"));
    const held = (body: AsyncIterable<Uint8Array>) => (bytesPerSecond === null ? body : paced(body, bytesPerSecond));
    const connection = await context.connect();
    const { manifest } = await connection.ask("run.get", { run });
    const runId = manifest.run_id;
    const target = resolve(context.cwd, args.flags.to ?? runId);
    const files = await wantedFiles(connection, runId, paths);
    const sums = new Map(manifest.artifacts?.files.map((file) => [`work/${file.path}`, file.sha256 ?? null]) ?? []);
    const { output } = context;
    if (args.flags.to === null && files.length > 0 && makeOwnFolder(target))
      output.say(`${runId}/ has a .gitignore of its own: it is no code of your next run`);
    return context.detachable("interrupted; the same command goes on where it stopped", async (signal) => {
      const progress = output.progress("pulling", "bytes");
      let packedBytes = 0;
      async function* counted(stream: AsyncIterable<Uint8Array>) {
        for await (const chunk of stream) {
          packedBytes += chunk.length;
          yield chunk;
        }
      }
      const pulled = await pullFiles(
        async (path, from) => {
          const answer = await fetchFile(connection, { runId, path, from, signal });
          return { ...answer, body: held(answer.body), sha256: sums.get(path) ?? null };
        },
        files.map((file) => ({ path: file.path, modified: file.modified, sizeBytes: file.size_bytes })),
        {
          target,
          signal,
          fetchPack: async (asked) => counted(held(await fetchPackOf(connection, { runId, files: asked, signal }))),
          sha256: (path) => sums.get(path) ?? null,
          onProgress: ({ receivedBytes, totalBytes }) => progress.update(receivedBytes, totalBytes),
        },
      ).finally(() => progress.end());
      pulled.receivedBytes += packedBytes;
      for (const left of pulled.leftOut) output.warn(`left out ${left.path}: ${left.why}`);
      output.result({
        schema: "ml.pull/1",
        value: () => ({
          run_id: runId,
          to: target,
          written: pulled.written,
          unchanged: pulled.unchanged,
          left_out: pulled.leftOut,
          received_bytes: pulled.receivedBytes,
        }),
        ids: () => [...pulled.written, ...pulled.unchanged].map((path) => join(target, path)),
        rows: () => [
          ...pulled.written.map((path) => [path, "written"]),
          ...pulled.unchanged.map((path) => [path, "unchanged"]),
        ],
        human() {
          const count = `${pulled.written.length} ${pulled.written.length === 1 ? "file" : "files"}`;
          const same = pulled.unchanged.length > 0 ? `, ${pulled.unchanged.length} were here already` : "";
          return `pulled ${count}, ${formatSize(pulled.receivedBytes)}, to ${safeText(target)}${same}\n`;
        },
      });
      return pulled.leftOut.length > 0 && pulled.written.length + pulled.unchanged.length === 0 ? 1 : 0;
    });
  },
});

/** Every file under the named paths, each once. Throws `not_found` for a name that is neither file nor folder. */
async function wantedFiles(connection: Connection, runId: string, paths: readonly string[]): Promise<FileEntry[]> {
  const found = new Map<string, FileEntry>();
  for (const path of paths.length === 0 ? [""] : paths) {
    const listing = await listFiles(connection, { run: runId, path, recursive: true, limit: mostFiles });
    if (listing.truncated) {
      throw new MlError("too_large", `\`${path || "the run folder"}\` holds more than ${mostFiles} files`, {
        hint: `name folders: \`ml ls ${runId} ${path}\` lists them`,
      });
    }
    for (const entry of pullable(listing.entries)) found.set(entry.path, entry);
  }
  return [...found.values()];
}
