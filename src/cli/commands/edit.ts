/**
 * `ml edit RUN`: a waiting run in $EDITOR, as a short TOML text. What is saved is what changes; the code stays as it was
 * queued, and the why has a command of its own (`ml narrative edit`).
 */
import { readToml } from "../../config/read-toml.ts";
import { formatDuration, parseDuration } from "../../core/duration.ts";
import { MlError } from "../../core/error.ts";
import { nearest } from "../../core/nearest.ts";
import { shellWords } from "../../core/shell-words.ts";
import { parseSize } from "../../core/size.ts";
import type { Body, Reply } from "../../protocol/requests.ts";
import { defineCommand } from "../command.ts";
import { type Draft, editText } from "../editor.ts";
import { flag } from "../flags.ts";

type Manifest = Reply<"run.get">["manifest"];
type Change = Body<"run.edit">["change"];
type Table = Record<string, unknown>;

const quoted = (text: string) => JSON.stringify(text);
const gigabytes = (value: number | null) => (value === null ? '""' : quoted(`${Number(value.toPrecision(6))}G`));

function templateOf(manifest: Manifest): string {
  const { requested } = manifest.resources;
  const hours = requested.max_runtime_hours;
  const env = Object.entries(manifest.launch.env).map(([name, value]) => `${name} = ${quoted(value)}`);
  return `${[
    `# Run ${manifest.run_id} waits. Save to change it, or leave it as it is. Its code stays as it was queued.`,
    "",
    `command = ${quoted(manifest.command)}`,
    `name = ${quoted(manifest.name)}`,
    `priority = ${manifest.priority}`,
    `grace = ${quoted(`${manifest.launch.grace_seconds}s`)}  # between SIGTERM and SIGKILL`,
    "",
    "# Asking for something else moves it behind its equals in the line. Empty: no wish, no limit.",
    "[requested]",
    `gpus = ${requested.gpus}`,
    `gpu_memory = ${gigabytes(requested.gpu_memory_gb)}`,
    `cpus = ${requested.cpu_cores}`,
    `ram = ${gigabytes(requested.ram_gb)}`,
    `disk = ${gigabytes(requested.disk_gb)}`,
    `max_runtime = ${hours === null ? '""' : quoted(formatDuration(hours * 3_600_000).replaceAll(" ", ""))}`,
    "",
    "[env]",
    ...env,
  ].join("\n")}\n`;
}

function parsed(text: string): Table {
  const { table, mistake } = readToml(text);
  if (table !== null) return table;
  throw new MlError("usage", `line ${mistake.line} of what you saved cannot be read: ${mistake.why}`);
}

function requireKeys(table: Table, known: readonly string[], where: string): void {
  for (const key of Object.keys(table)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    throw new MlError("usage", `there is no \`${key}\` ${where}`, {
      hint: near === null ? `known: ${known.join(", ")}` : `did you mean \`${near}\`?`,
    });
  }
}

/** Null for an empty text. */
function measured(table: Table, key: string, read: (text: string) => number): number | null {
  const value = table[key];
  if (value === undefined || value === null || String(value).trim() === "") return null;
  return read(String(value));
}

function count(table: Table, key: string): number {
  const value = Number(table[key] ?? 0);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new MlError("usage", `\`${key}\` is a number of at least 0, not \`${String(table[key])}\``);
}

function requestedOf(table: Table): Change["requested"] {
  requireKeys(table, ["gpus", "gpu_memory", "cpus", "ram", "disk", "max_runtime"], "among what a run asks for");
  const size = (what: string) => (text: string) => parseSize(text, what, "g") / 1e9;
  const hours = (text: string) => parseDuration(text, "time limit", "h") / 3_600_000;
  return {
    gpus: count(table, "gpus"),
    gpu_memory_gb: measured(table, "gpu_memory", size("GPU memory")),
    cpu_cores: count(table, "cpus"),
    ram_gb: measured(table, "ram", size("memory")),
    disk_gb: measured(table, "disk", size("disk space")),
    max_runtime_hours: measured(table, "max_runtime", hours),
  };
}

interface Edited {
  change: Change;
  priority: number | null;
}

/** Only what differs from what was shown. Throws `usage` naming the key. */
function editedOf(before: string, after: string): Edited {
  const [old, now] = [parsed(before), parsed(after)];
  requireKeys(now, ["command", "name", "priority", "grace", "requested", "env"], "to change of a run");
  const differs = (key: string) => JSON.stringify(old[key]) !== JSON.stringify(now[key]) && now[key] !== undefined;
  const change: Change = {};
  if (differs("command")) change.argv = shellWords(String(now.command));
  if (differs("name")) change.name = String(now.name);
  if (differs("grace")) change.grace_seconds = parseDuration(String(now.grace), "grace period") / 1000;
  if (differs("requested")) change.requested = requestedOf(now.requested as Table);
  if (differs("env")) {
    change.env = Object.fromEntries(Object.entries(now.env as Table).map(([name, value]) => [name, String(value)]));
  }
  const priority = differs("priority") ? Number(now.priority) : null;
  if (priority !== null && (!Number.isInteger(priority) || priority < 1 || priority > 10)) {
    throw new MlError("usage", `\`${String(now.priority)}\` is not a priority: it is a whole number from 1 to 10`);
  }
  return { change, priority };
}

export const command = defineCommand({
  name: "edit",
  group: "queue",
  summary: "change a waiting run in your editor: command, name, variables, what it asks for",
  about:
    "Opens $VISUAL or $EDITOR on a short text. Its code stays as it was queued (`ml requeue RUN --code current` takes today's), and the why is changed by `ml narrative edit`. Every change is kept in history.jsonl.",
  positionals: [{ name: "RUN", about: "a waiting run", complete: "live_run" }],
  flags: { dryRun: flag.on("say what would change, and change nothing", { short: "n" }) },
  examples: [["ml edit warmup_test", "another learning rate, before its turn comes"]],
  schemas: { "ml.edit/1": "`run_id`, `changed` (fields of the manifest), `dry_run`" },
  async run(context, args) {
    const [run = ""] = args.words;
    const connection = await context.connect();
    const { manifest } = await connection.ask("run.get", { run });
    if (manifest.status !== "queued") {
      throw new MlError("conflict", `run \`${manifest.run_id}\` waits no more: it is ${manifest.status}`, {
        hint: `\`ml requeue ${run} -- ARGS\` queues it again with other arguments`,
      });
    }
    const before = templateOf(manifest);
    const draft = await editText(context, {
      name: "edit",
      text: before,
      hint: `\`ml priority ${run} N\`, \`ml hold ${run}\` and \`ml requeue ${run}\` need no editor`,
    });
    const changed = await apply(draft, async () => {
      const { change, priority } = editedOf(before, draft.text);
      const { dryRun: dry } = args.flags;
      const reply = await connection.ask("run.edit", { run: manifest.run_id, change, dry_run: dry });
      if (priority === null) return reply.changed;
      if (!dry) await connection.ask("run.priority", { runs: [manifest.run_id], priority });
      return [...reply.changed, "priority"];
    });
    draft.discard();
    context.output.result({
      schema: "ml.edit/1",
      value: () => ({ run_id: manifest.run_id, changed, dry_run: args.flags.dryRun }),
      ids: () => [manifest.run_id],
      rows: () => changed.map((field) => [manifest.run_id, field]),
      human() {
        if (changed.length === 0) return `nothing changed of ${manifest.run_id}\n`;
        return `${args.flags.dryRun ? "would change" : "changed"} ${changed.join(", ")} of ${manifest.run_id}\n`;
      },
    });
  },
});

async function apply<T>(draft: Draft, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw draft.kept(cause, "mend it there and copy it into `ml edit` again");
  }
}
