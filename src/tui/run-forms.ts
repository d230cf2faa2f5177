/**
 * The forms: which fields, what a command line would be, what is asked of the server. What the command line has a whole
 * command for (queueing: walking the folder, sending code) is done by that command, in the folder the screen was
 * opened in; what is one request is that request.
 */
import { MlError } from "../core/error.ts";
import { quoteCommand, quoteWord } from "../core/shell-quote.ts";
import { shellWords } from "../core/shell-words.ts";
import type { RunSummary } from "../protocol/summary.ts";
import { verdicts } from "../think/narrative-field.ts";
import { shortId } from "../view/mark.ts";
import { safeText } from "../view/safe-text.ts";
import type { Desk } from "./desk.ts";
import type { RunDetail } from "./detail.ts";
import type { FormState, Values } from "./form.ts";
import { choice, filled, flagsOf, form, line, linesOf, listOf, queueBy, text, wordsOf } from "./form-parts.ts";

const whyFlags = {
  hypothesis: "--hypothesis",
  expect: "--expect",
  note: "--note",
  name: "--name",
  priority: "--priority",
  group: "--group",
};

/** Of the fields that say what a run is for and how important it is; `more` is whatever else the command takes. */
export function queueWords(values: Values): string[] {
  const tags = listOf(values.tags).flatMap((tag) => ["--tag", tag]);
  return [...flagsOf(values, whyFlags), ...tags, ...wordsOf(filled(values.more))];
}

export function newRunForm(desk: Desk): FormState {
  const words = (values: Values) => ["queue", ...queueWords(values), "--", ...wordsOf(filled(values.command))];
  return form({
    id: "new",
    title: `New run, with the code in ${process.cwd()}`,
    fields: [
      line("command", "command", { hint: "train.py --lr 3e-4" }),
      text("hypothesis", "hypothesis", { hint: "what you think is true" }),
      line("expect", "expect", { hint: "val_acc>=0.85 in <4h" }),
      line("name", "name", { hint: "from the script" }),
      line("priority", "priority", { hint: "5; 1 to 10, higher is earlier" }),
      line("group", "group", {}),
      line("tags", "tags", { hint: "ablation, warmup" }),
      line("more", "more", { hint: "--gpus 1 --ram 16G --after @last --data NAME: any flag of ml queue" }),
      text("note", "note", {}),
    ],
    command: (values) => `ml ${quoteCommand(words(values))}`,
    async submit(values, onTalk) {
      shellWords(filled(values.command));
      shellWords(filled(values.more));
      if (filled(values.command) === "")
        throw new MlError("usage", "what is to be run? the command is empty", { hint: "train.py --lr 3e-4" });
      return queueBy(desk, words(values), onTalk);
    },
  });
}

/** Words after the program and script, which `--replace` keeps. */
function scriptArguments(argv: readonly string[]): { kept: string[]; rest: string[] } {
  const script = argv.findIndex((word) => word.endsWith(".py"));
  const cut = script >= 0 ? script + 1 : 1;
  return { kept: argv.slice(0, cut), rest: argv.slice(cut) };
}

export function requeueForm(desk: Desk, { manifest }: RunDetail): FormState {
  const { kept, rest } = scriptArguments(manifest.argv);
  const words = (values: Values) => [
    "requeue",
    manifest.run_id,
    "--replace",
    ...queueWords(values),
    ...(filled(values.stage) === ""
      ? []
      : filled(values.stage)
          .split(/\s+/)
          .flatMap((path) => ["--stage", path])),
    "--",
    ...wordsOf(filled(values.arguments)),
  ];
  return form({
    id: `requeue:${manifest.run_id}`,
    title: `Requeue ${safeText(manifest.name)}: ${safeText(quoteCommand(kept))} …`,
    fields: [
      text("arguments", "arguments", { text: quoteCommand(rest), hint: "of the script" }),
      text("hypothesis", "hypothesis", { hint: manifest.narrative.hypothesis ?? "what you think is true" }),
      line("expect", "expect", { hint: manifest.narrative.expected_outcome ?? "val_acc>=0.85 in <4h" }),
      line("name", "name", { hint: safeText(manifest.name) }),
      line("priority", "priority", { hint: String(manifest.priority) }),
      line("stage", "stage", { hint: "files that it left for the new run: checkpoints/best.pt" }),
      line("tags", "more tags", {}),
      line("more", "more", { hint: "--gpus 1 --ram 16G --code current: any flag of ml requeue" }),
      text("note", "note", {}),
    ],
    command: (values) => `ml ${quoteCommand(words(values)).replace(manifest.run_id, shortId(manifest.run_id))}`,
    async submit(values, onTalk) {
      shellWords(filled(values.arguments));
      shellWords(filled(values.more));
      return queueBy(desk, words(values), onTalk);
    },
  });
}

export function priorityForm(desk: Desk, runs: readonly RunSummary[]): FormState {
  const [first] = runs;
  const names = runs.length === 1 ? safeText(first?.name ?? "") : `${runs.length} runs`;
  return form({
    id: `priority:${first?.run_id ?? ""}`,
    title: `Priority of ${names}`,
    fields: [line("priority", "priority", { text: String(first?.priority ?? 5), hint: "1 to 10, higher is earlier" })],
    command: (values) =>
      `ml priority ${runs.map((run) => shortId(run.run_id)).join(" ")} ${quoteWord(filled(values.priority))}`,
    async submit(values) {
      const priority = Number(filled(values.priority));
      if (!Number.isInteger(priority) || priority < 1 || priority > 10)
        throw new MlError("usage", `\`${filled(values.priority)}\` is no priority`, {
          hint: "a whole number from 1 to 10",
        });
      await desk.connection.ask("run.priority", { runs: runs.map((run) => run.run_id), priority });
      for (const run of runs) desk.model.foresee(run.run_id, { priority });
      desk.model.lookSoon(0);
      return `priority ${priority} for ${names}`;
    },
  });
}

export function annotateForm(desk: Desk, run: RunSummary): FormState {
  return form({
    id: `annotate:${run.run_id}`,
    title: `Note on ${safeText(run.name)}`,
    fields: [text("note", "note", { hint: "what you see, think, or want to remember" })],
    command: (values) => `ml annotate ${shortId(run.run_id)} --note ${quoteWord(filled(values.note))}`,
    async submit(values) {
      if (filled(values.note) === "") throw new MlError("usage", "the note is empty");
      await desk.connection.ask("run.annotate", { run: run.run_id, note: filled(values.note) });
      desk.details.forget(run.run_id);
      return `noted on ${safeText(run.name)}`;
    },
  });
}

/** One a line, with or without a dash before it. */
const asLines = (value: string | undefined) => linesOf(value).map((one) => one.replace(/^-\s+/, ""));

export function verdictForm(desk: Desk, { manifest }: RunDetail): FormState {
  const { narrative } = manifest;
  const runId = manifest.run_id;
  return form({
    id: `verdict:${runId}`,
    title: `What came of ${safeText(manifest.name)}`,
    fields: [
      choice("verdict", "verdict", { choices: verdicts, text: narrative.validation_status ?? "" }),
      text("outcome", "outcome", { text: narrative.outcome ?? "", hint: narrative.hypothesis ?? "what happened" }),
      text("learned", "learned", { text: narrative.learnings.join("\n"), hint: "one a line" }),
      text("next", "next steps", { text: narrative.next_steps.join("\n"), hint: "one a line" }),
    ],
    command(values) {
      const words = [
        ...flagsOf(values, { outcome: "--outcome" }),
        ...asLines(values.learned).flatMap((one) => ["--learned", one]),
        ...asLines(values.next).flatMap((one) => ["--next", one]),
      ];
      const verdict = filled(values.verdict) === "" ? [] : [`--${filled(values.verdict)}`];
      return `ml conclude ${[shortId(runId), ...verdict].join(" ")} ${quoteCommand(words)}`.trim();
    },
    async submit(values) {
      const verdict = verdicts.find((one) => one === filled(values.verdict)) ?? null;
      const set = {
        validation_status: verdict,
        outcome: filled(values.outcome) === "" ? null : filled(values.outcome),
        learnings: asLines(values.learned),
        next_steps: asLines(values.next),
      };
      await desk.connection.ask("narrative.change", { targets: [runId], change: { set } });
      desk.details.forget(runId);
      desk.model.foresee(runId, { validation_status: verdict });
      return `${safeText(manifest.name)}: ${verdict ?? "no verdict"}`;
    },
  });
}

export function narrativeForm(desk: Desk, { manifest }: RunDetail): FormState {
  const { narrative, metadata } = manifest;
  const runId = manifest.run_id;
  const keys = {
    hypothesis: "hypothesis",
    context: "context",
    intent: "intent",
    expect: "expected_outcome",
    note: "note",
  } as const;
  const before: Values = {
    hypothesis: narrative.hypothesis ?? "",
    context: narrative.context ?? "",
    intent: narrative.intent ?? "",
    expect: narrative.expected_outcome ?? "",
    note: metadata.note ?? "",
  };
  const changedOf = (values: Values) =>
    Object.entries(keys).filter(([name]) => filled(values[name]) !== filled(before[name]));
  return form({
    id: `narrative:${runId}`,
    title: `Why ${safeText(manifest.name)} was made`,
    fields: [
      text("hypothesis", "hypothesis", { text: before.hypothesis ?? "", hint: "what you think is true" }),
      text("context", "context", { text: before.context ?? "", hint: "what led here" }),
      text("intent", "intent", { text: before.intent ?? "", hint: "what this is to find out" }),
      text("expect", "expect", { text: before.expect ?? "", hint: "val_acc>=0.85 in <4h is checked at the end" }),
      text("note", "note", { text: before.note ?? "", hint: "anything else" }),
    ],
    command(values) {
      const words = changedOf(values).map(([name]) => `${name}=${filled(values[name])}`);
      return `ml narrative set ${shortId(runId)} ${quoteCommand(words)}`.trim();
    },
    async submit(values) {
      const changed = changedOf(values);
      if (changed.length === 0) return "nothing was changed";
      const set = Object.fromEntries(
        changed.map(([name, key]) => [key, filled(values[name]) === "" ? null : filled(values[name])]),
      );
      await desk.connection.ask("narrative.change", { targets: [runId], change: { set } });
      desk.details.forget(runId);
      if ("hypothesis" in set) desk.model.foresee(runId, { hypothesis: set.hypothesis ?? null });
      return `written down: ${changed.map(([name]) => name).join(", ")}`;
    },
  });
}

export function tagForm(desk: Desk, { manifest }: RunDetail): FormState {
  const runId = manifest.run_id;
  const before = manifest.narrative.tags;
  const tagsOf = (values: Values) => listOf(values.tags);
  return form({
    id: `tag:${runId}`,
    title: `Tags of ${safeText(manifest.name)}`,
    fields: [line("tags", "tags", { text: before.join(" "), hint: "ablation warmup" })],
    command(values) {
      const now = tagsOf(values);
      const added = now.filter((tag) => !before.includes(tag));
      const gone = before.filter((tag) => !now.includes(tag));
      const line = (action: string, changed: readonly string[]) =>
        changed.length === 0 ? [] : [`ml tag ${action} ${quoteWord(changed.join(","))} ${shortId(runId)}`];
      return [...line("add", added), ...line("remove", gone)].join(" && ");
    },
    async submit(values) {
      const tags = tagsOf(values);
      await desk.connection.ask("narrative.change", { targets: [runId], change: { set: { tags } } });
      desk.details.forget(runId);
      desk.model.foresee(runId, { tags });
      return tags.length === 0 ? "no tags" : `tagged ${tags.join(", ")}`;
    },
  });
}
