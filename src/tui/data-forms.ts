/** Acts on datasets that need a form or a question: registering, checking, forgetting. Reading goes on at the server; its progress stands in the form. */
import { MlError } from "../core/error.ts";
import { quoteCommand } from "../core/shell-quote.ts";
import { formatSize } from "../core/size.ts";
import type { Reply } from "../protocol/requests.ts";
import { outcomePage } from "../view/dataset-page.ts";
import { safeText } from "../view/safe-text.ts";
import type { Desk } from "./desk.ts";
import type { FormState, Outcome, Values } from "./form.ts";
import { choice, filled, flagsOf, form, line } from "./form-parts.ts";

type Job = Reply<"dataset.job">;

/** Follows a reading to its end, and shows what came of it. */
async function follow(
  desk: Desk,
  begun: Job,
  { command, onTalk }: { command: string; onTalk: (text: string) => void },
): Promise<Outcome> {
  let job = begun;
  while (job.state === "running") {
    const of = job.total_bytes === null ? "" : ` of ${formatSize(job.total_bytes)}`;
    onTalk(job.phase === "looking" ? `looking: ${job.files} files` : `reading: ${formatSize(job.done_bytes)}${of}`);
    job = await desk.connection.ask("dataset.job", { job_id: job.job_id, wait_ms: 500 });
  }
  desk.data.forget();
  const { error, outcome } = job;
  if (error !== null) throw new MlError("failed", error.message, error.hint === null ? {} : { hint: error.hint });
  if (outcome === null) return "done";
  return {
    page: {
      title: safeText(outcome.name),
      command,
      runId: null,
      load: async () => (face) => outcomePage(outcome, face),
    },
  };
}

export function addForm(desk: Desk): FormState {
  const words = (values: Values) => [
    ...["dataset", "add", filled(values.name), filled(values.path), ...flagsOf(values, { version: "--version" })],
    ...(values.quick === "yes" ? ["--quick"] : []),
  ];
  return form({
    id: "dataset",
    title: "Register a folder as a dataset, or as a new version of one",
    fields: [
      line("name", "name", { hint: "imagenet-train" }),
      line("path", "folder", { hint: "/nas/datasets/imagenet/train, on the server's machine" }),
      line("version", "version", { hint: "1, 2, 3 …" }),
      choice("quick", "a sample only", { choices: ["yes"] }),
    ],
    command: (values) => `ml ${quoteCommand(words(values))}`,
    async submit(values, onTalk) {
      const { name, path, version } = {
        name: filled(values.name),
        path: filled(values.path),
        version: filled(values.version),
      };
      if (name === "" || path === "") throw new MlError("usage", "a dataset has a name and a folder");
      const body = { name, path, version: version === "" ? null : version, quick: values.quick === "yes" };
      const job = await desk.connection.ask("dataset.add", body);
      const outcome = await follow(desk, job, { command: `ml ${quoteCommand(words(values))}`, onTalk });
      desk.ui.lists.data.selected = name;
      return outcome;
    },
  });
}

export function verifyForm(desk: Desk, name: string): FormState {
  const words = (values: Values) => ["dataset", "verify", name, ...(values.full === "yes" ? ["--full"] : [])];
  return form({
    id: `verify:${name}`,
    title: `Is ${safeText(name)} what was registered?`,
    fields: [choice("full", "read every byte", { choices: ["yes"] })],
    command: (values) => `ml ${quoteCommand(words(values))}`,
    async submit(values, onTalk) {
      const job = await desk.connection.ask("dataset.verify", { name, full: values.full === "yes" });
      return follow(desk, job, { command: `ml ${quoteCommand(words(values))}`, onTalk });
    },
  });
}

export function removeDataset(desk: Desk, name: string): void {
  desk.confirm({
    title: "Forget a dataset",
    text: [
      `Forget ${safeText(name)} with all its versions? Its files stay where they are, and what runs recorded of it stays too.`,
    ],
    command: `ml dataset remove ${quoteCommand([name])}`,
    yes: "forget it",
    dangerous: true,
    async act() {
      await desk.connection.ask("dataset.remove", { name });
      desk.data.forget();
      desk.tell(`forgot ${safeText(name)}`, "good");
    },
  });
}
