/** `ml cat RUN PATH`: the bytes of one file, exactly, into a pipe; made harmless on a terminal. */
import type { Connection } from "../../client/connection.ts";
import { MlError } from "../../core/error.ts";
import { formatSize } from "../../core/size.ts";
import { type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { makeSink } from "../log-sink.ts";
import { type FileAnswer, fetchNamed, isPattern, listFiles } from "../run-files.ts";

/** One JSON value holds no more than this. */
const jsonBytes = 16 * 1024 * 1024;

export const command = defineCommand({
  name: "cat",
  group: "watch",
  summary: "print a file of a run",
  positionals: [
    { name: "RUN", about: "which run", complete: "run" },
    {
      name: "PATH",
      about: "a file as `ml ls` shows it, or a pattern; what the run folder lacks is looked for in work/",
    },
  ],
  flags: { raw: flag.on("all control sequences as they are, on a terminal too") },
  examples: [
    ["ml cat @last run_manifest.json", "the record itself"],
    ["ml cat k3f9ab results.csv | head", "work/results.csv"],
    ["ml cat k3f9ab 'parts/*.txt'", "all that fit, one after the other"],
  ],
  schemas: { "ml.cat/1": "`run_id`, `path`, `size_bytes`, `encoding` (utf8 or base64), `data`; up to 16 MiB" },
  async run(context, args) {
    const [run = "", path = ""] = args.words;
    const connection = await context.connect();
    const runId = (await connection.ask("run.resolve", { runs: [run] })).run_ids[0] ?? run;
    const { output } = context;
    const paths = isPattern(path) ? await fittingFiles(connection, runId, path) : [path];
    if (output.mode === "json" && paths.length > 1) {
      throw new MlError("usage", `\`${path}\` fits ${paths.length} files, and one JSON value holds one`, {
        hint: `ml cat ${runId} ${paths[0]} --json`,
      });
    }
    return context.detachable("interrupted", async (signal) => {
      for (const each of paths)
        await printFile(context, { connection, runId, path: each, raw: args.flags.raw, signal });
      return undefined;
    });
  },
});

/** Throws `not_found` where nothing fits. */
async function fittingFiles(connection: Connection, runId: string, path: string): Promise<string[]> {
  const { entries } = await listFiles(connection, { run: runId, path, recursive: false });
  return entries.filter((entry) => entry.kind === "file").map((entry) => entry.path);
}

interface Printed {
  connection: Connection;
  runId: string;
  path: string;
  raw: boolean;
  signal: AbortSignal;
}

async function printFile(context: Context, { connection, runId, path, raw, signal }: Printed): Promise<void> {
  const { output } = context;
  const found = await fetchNamed(connection, { runId, path, signal });
  const { answer } = found;
  if (output.mode === "json") {
    const bytes = await wholeBody(answer, found.path);
    output.result({
      schema: "ml.cat/1",
      value: () => ({ run_id: runId, path: found.path, size_bytes: bytes.length, ...encoded(bytes) }),
      ids: () => [],
      rows: () => [],
      human: () => "",
    });
    return;
  }
  const sink = makeSink(context, { runId, stream: "output", raw, schema: "" });
  let offset = 0;
  for await (const chunk of answer.body) {
    signal.throwIfAborted();
    sink.write(chunk, offset);
    offset += chunk.length;
    await output.flush();
  }
  sink.end();
  if (offset >= answer.totalBytes) return;
  throw new MlError("unreachable", `\`${found.path}\` was cut off after ${offset} of ${answer.totalBytes} bytes`, {
    hint: `\`ml pull ${runId} ${found.path}\` goes on where it stopped`,
  });
}

async function wholeBody(answer: FileAnswer, path: string): Promise<Uint8Array> {
  if (answer.totalBytes > jsonBytes) {
    throw new MlError("too_large", `\`${path}\` has ${formatSize(answer.totalBytes)}, more than one JSON value holds`, {
      hint: "leave out `--json`, or `ml pull` it",
    });
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function encoded(bytes: Uint8Array): { encoding: "utf8" | "base64"; data: string } {
  try {
    return { encoding: "utf8", data: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { encoding: "base64", data: Buffer.from(bytes).toString("base64") };
  }
}
