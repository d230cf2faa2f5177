/** `ml logs RUN`: what a run printed, byte for byte into a pipe; -f stays until it has ended. */
import type { Connection } from "../../client/connection.ts";
import { MlError } from "../../core/error.ts";
import type { LogStream } from "../../protocol/frames.ts";
import type { Reply } from "../../protocol/requests.ts";
import { type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { followRun } from "../follow.ts";
import { copyToEnd } from "../log-reader.ts";
import { makeSink } from "../log-sink.ts";

export const command = defineCommand({
  name: "logs",
  group: "watch",
  summary: "show what a run printed",
  about:
    "Into a pipe or a file the bytes come exactly as the script wrote them. On a terminal colours and carriage returns are kept and other control sequences left out; --raw turns that off. With -f it stays until the run has ended, over lost connections and restarts of the server; Ctrl-C detaches.",
  positionals: [{ name: "RUN", about: "which run", complete: "run" }],
  flags: {
    follow: flag.on("stay and show what is added", { short: "f" }),
    tail: flag.number("N", "only the last N lines", { short: "n", least: 0, most: 1_000_000, whole: true }),
    stdout: flag.on("only standard output, of a run with --split-output"),
    stderr: flag.on("only standard error, of a run with --split-output"),
    raw: flag.on("all control sequences as they are, on a terminal too"),
  },
  examples: [
    ["ml logs -f @last", "follow the newest run"],
    ["ml logs k3f9ab --tail 50", "its last fifty lines"],
  ],
  schemas: {
    "ml.logs/1":
      "JSON Lines, in order: `kind` log with `run_id`, `stream`, `offset`, `encoding` (utf8 or base64), `data`; last `kind` end with `size` and `ended`",
    "ml.follow/1":
      "with -f: as ml.logs/1, with `kind` queued, held, starting, running, log, restarted and last ended (with `summary`)",
  },
  async run(context, args) {
    const connection = await context.connect();
    const { follow, tail, raw } = args.flags;
    if (args.flags.stdout && args.flags.stderr) {
      throw new MlError("usage", "`--stdout` and `--stderr` together mean both", { hint: "leave both out" });
    }
    const asked: LogStream | null = args.flags.stdout ? "stdout" : args.flags.stderr ? "stderr" : null;
    const { runId, streams } = await whichStreams(connection, args.words[0] ?? "", asked);
    const detached = follow ? `detached; run ${runId} goes on` : "";
    return context.detachable(detached, async (signal) => {
      const begun = tail === null ? new Map<LogStream, Piece>() : await tails(connection, { runId, streams, tail });
      if (!follow) return printOnce(context, { connection, runId, streams, raw, signal, begun });
      const offsets = Object.fromEntries([...begun].map(([stream, piece]) => [stream, piece.offset]));
      const detail = await followRun(context, { connection, runId, streams, signal, raw, offsets });
      const { status, failure } = detail.manifest;
      if (context.output.mode === "json")
        context.output.jsonLine("ml.follow/1", {
          kind: "ended",
          run_id: runId,
          summary: detail.summary,
          folder: detail.folder,
        });
      else context.output.say(`run ${runId} ${status}${failure === null ? "" : `: ${failure.kind}`}`);
      return undefined;
    });
  },
});

type Piece = Reply<"log.read">;

/** A run with split output has two logs, all others one. Throws `refused` where a stream was asked for that is none. */
async function whichStreams(
  connection: Connection,
  run: string,
  asked: LogStream | null,
): Promise<{ runId: string; streams: LogStream[] }> {
  const { manifest } = await connection.ask("run.get", { run });
  const runId = manifest.run_id;
  const split = manifest.launch.split_output;
  if (asked !== null && !split) {
    throw new MlError("refused", `run \`${runId}\` keeps both streams in one output.log, in the order they came`, {
      hint: "queue with `--split-output` to have them apart",
    });
  }
  return { runId, streams: asked !== null ? [asked] : split ? ["stdout", "stderr"] : ["output"] };
}

async function tails(
  connection: Connection,
  options: { runId: string; streams: readonly LogStream[]; tail: number },
): Promise<Map<LogStream, Piece>> {
  const found = new Map<LogStream, Piece>();
  for (const stream of options.streams) {
    const piece = await connection.ask("log.read", { run: options.runId, stream, tail_lines: options.tail });
    found.set(stream, piece);
  }
  return found;
}

interface PrintOptions {
  connection: Connection;
  runId: string;
  streams: readonly LogStream[];
  raw: boolean;
  signal: AbortSignal;
  begun: ReadonlyMap<LogStream, Piece>;
}

async function printOnce(context: Context, options: PrintOptions): Promise<undefined> {
  const { connection, runId, raw, signal } = options;
  for (const stream of options.streams) {
    const sink = makeSink(context, { runId, stream, raw, schema: "ml.logs/1" });
    const first = options.begun.get(stream);
    const place = { run: runId, stream, offset: first?.offset ?? 0 };
    const ended = await copyToEnd(place, {
      connection,
      context,
      sink,
      signal,
      ...(first === undefined ? {} : { first }),
    });
    sink.end();
    if (context.output.mode === "json")
      context.output.jsonLine("ml.logs/1", { kind: "end", run_id: runId, stream, size: place.offset, ended });
  }
}
