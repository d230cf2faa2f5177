/**
 * What a waiting run is to be, as a form: the same fields as the text that `ml edit` opens in $EDITOR, and the same two requests.
 * Only what was changed is sent, so what somebody else changed meanwhile stays.
 */
import { formatDuration, parseDuration } from "../core/duration.ts";
import { MlError } from "../core/error.ts";
import { quoteCommand } from "../core/shell-quote.ts";
import { shellWords } from "../core/shell-words.ts";
import { parseSize } from "../core/size.ts";
import type { Body } from "../protocol/requests.ts";
import { shortId } from "../view/mark.ts";
import { safeText } from "../view/safe-text.ts";
import type { Desk } from "./desk.ts";
import type { RunDetail } from "./detail.ts";
import type { FormState, Values } from "./form.ts";
import { filled, form, line, linesOf, text } from "./form-parts.ts";

type Change = Body<"run.edit">["change"];

const gigabytes = (value: number | null) => (value === null ? "" : `${Number(value.toPrecision(6))}G`);
const sizeOf = (value: string | undefined, what: string) =>
  filled(value) === "" ? null : parseSize(filled(value), what, "g") / 1e9;

function countOf(value: string | undefined, what: string): number {
  const count = Number(filled(value) === "" ? "0" : filled(value));
  if (Number.isFinite(count) && count >= 0) return count;
  throw new MlError("usage", `\`${filled(value)}\` is no number of ${what}`);
}

function envOf(value: string | undefined): Record<string, string> {
  return Object.fromEntries(
    linesOf(value).map((one) => {
      const at = one.indexOf("=");
      if (at < 1) throw new MlError("usage", `\`${one}\` sets no variable`, { hint: "NAME=VALUE, one a line" });
      return [one.slice(0, at), one.slice(at + 1)];
    }),
  );
}

const requestedFields = ["gpus", "gpuMemory", "cpus", "ram", "disk", "hours"] as const;

function requestedOf(values: Values): Change["requested"] {
  const hours = filled(values.hours) === "" ? null : parseDuration(filled(values.hours), "time limit", "h") / 3_600_000;
  return {
    gpus: countOf(values.gpus, "GPUs"),
    gpu_memory_gb: sizeOf(values.gpuMemory, "GPU memory"),
    cpu_cores: countOf(values.cpus, "CPU cores"),
    ram_gb: sizeOf(values.ram, "memory"),
    disk_gb: sizeOf(values.disk, "disk space"),
    max_runtime_hours: hours,
  };
}

/** Throws `usage` naming what cannot be read. */
function changeOf(values: Values, first: Values): { change: Change; priority: number | null } {
  const differs = (name: string) => filled(values[name]) !== filled(first[name]);
  const change: Change = {};
  if (differs("command")) change.argv = shellWords(filled(values.command));
  if (differs("name")) change.name = filled(values.name);
  if (differs("grace")) change.grace_seconds = parseDuration(filled(values.grace), "grace period") / 1000;
  if (requestedFields.some(differs)) change.requested = requestedOf(values);
  if (differs("env")) change.env = envOf(values.env);
  const priority = differs("priority") ? Number(filled(values.priority)) : null;
  if (priority !== null && (!Number.isInteger(priority) || priority < 1 || priority > 10))
    throw new MlError("usage", `\`${filled(values.priority)}\` is no priority`, {
      hint: "a whole number from 1 to 10",
    });
  return { change, priority };
}

export function editForm(desk: Desk, { manifest }: RunDetail): FormState {
  const { requested } = manifest.resources;
  const { run_id: runId, launch } = manifest;
  const limit = requested.max_runtime_hours;
  const made = form({
    id: `edit:${runId}`,
    title: `Edit ${safeText(manifest.name)}, which waits; its code stays as it was queued`,
    fields: [
      text("command", "command", { text: quoteCommand(manifest.argv) }),
      line("name", "name", { text: manifest.name }),
      line("priority", "priority", { text: String(manifest.priority), hint: "1 to 10, higher is earlier" }),
      line("gpus", "gpus", { text: String(requested.gpus) }),
      line("gpuMemory", "gpu memory", { text: gigabytes(requested.gpu_memory_gb), hint: "no wish; 24G" }),
      line("cpus", "cpus", { text: String(requested.cpu_cores) }),
      line("ram", "ram", { text: gigabytes(requested.ram_gb), hint: "no wish; 16G" }),
      line("disk", "disk", { text: gigabytes(requested.disk_gb), hint: "no wish; 100G" }),
      line("hours", "max runtime", {
        text: limit === null ? "" : formatDuration(limit * 3_600_000).replaceAll(" ", ""),
        hint: "no limit; 4h",
      }),
      line("grace", "grace", { text: `${launch.grace_seconds}s`, hint: "between SIGTERM and SIGKILL" }),
      text("env", "variables", {
        text: Object.entries(launch.env)
          .map(([name, value]) => `${name}=${value}`)
          .join("\n"),
        hint: "NAME=VALUE, one a line",
      }),
    ],
    // The command line has an editor for what this form does; only the priority has words.
    command(values) {
      const id = shortId(runId);
      const priority = filled(values.priority);
      return priority === filled(made.first.priority)
        ? `ml edit ${id}`
        : `ml edit ${id} && ml priority ${id} ${priority}`;
    },
    async submit(values) {
      const { change, priority } = changeOf(values, made.first);
      const changed = Object.keys(change).length === 0 ? [] : await edited(desk, runId, change);
      if (priority !== null) {
        await desk.connection.ask("run.priority", { runs: [runId], priority });
        desk.model.foresee(runId, { priority });
        changed.push("priority");
      }
      desk.details.forget(runId);
      desk.model.lookSoon(0);
      return changed.length === 0
        ? "nothing was changed"
        : `changed ${changed.join(", ")} of ${safeText(manifest.name)}`;
    },
  });
  return made;
}

async function edited(desk: Desk, runId: string, change: Change): Promise<string[]> {
  const { changed } = await desk.connection.ask("run.edit", { run: runId, change });
  if (change.name !== undefined) desk.model.foresee(runId, { name: change.name });
  return [...changed];
}
