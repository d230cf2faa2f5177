/** Forms about keeping runs: checking them, copying them out, taking them in, freeing what they take. */
import { parseDuration } from "../core/duration.ts";
import { MlError } from "../core/error.ts";
import { quoteCommand } from "../core/shell-quote.ts";
import { formatSize, parseSize } from "../core/size.ts";
import type { ReproLevel } from "../protocol/keep.ts";
import type { Body, Reply } from "../protocol/requests.ts";
import type { RunSummary } from "../protocol/summary.ts";
import { checkPage } from "../view/check-page.ts";
import { shortId } from "../view/mark.ts";
import { prunePage } from "../view/prune-page.ts";
import { safeText } from "../view/safe-text.ts";
import type { Desk } from "./desk.ts";
import type { FormState, Outcome, Values } from "./form.ts";
import { choice, filled, flagLines, flagsOf, form, lastWords, line, linesOf, text, wordsOf } from "./form-parts.ts";
import { ids, whatOf } from "./targets.ts";

/** Reading every file of a run takes as long as its disk needs. */
const patienceMs = 4 * 3600_000;

function shown(words: readonly string[], runs: readonly RunSummary[]): string {
  const short = new Map(runs.map((run) => [run.run_id, shortId(run.run_id)]));
  return `ml ${quoteCommand(words.map((word) => short.get(word) ?? word))}`;
}

export function validateForm(desk: Desk, run: RunSummary): FormState {
  const words = (values: Values) => ["validate", run.run_id, ...flagsOf(values, { level: "--level" })];
  return form({
    id: `validate:${run.run_id}`,
    title: `Is ${safeText(run.name)} still what it was?`,
    fields: [choice("level", "level", { choices: ["none", "basic", "strict"] })],
    command: (values) => shown(words(values), [run]),
    async submit(values) {
      const level = filled(values.level) === "" ? null : (filled(values.level) as ReproLevel);
      const found = await desk.connection.ask("run.validate", { run: run.run_id, level }, { timeoutMs: patienceMs });
      return {
        page: {
          title: `${safeText(run.name)} against its own record`,
          command: shown(words(values), [run]),
          runId: run.run_id,
          load: async () => (face) => checkPage(found, face),
        },
      };
    },
  });
}

const levels = { all: [], "records only": ["--metadata-only"] } as const;

export function exportForm(desk: Desk, runs: readonly RunSummary[]): FormState {
  const [first] = runs;
  const name = runs.length === 1 ? `run_${shortId(first?.run_id ?? "")}` : `${runs.length}_runs`;
  const words = (values: Values) => [
    ...["export", ...ids(runs), "-o", filled(values.file)],
    ...(levels[values.what as keyof typeof levels] ?? []),
    ...flagLines(values.only, "--include-artifacts"),
    ...flagsOf(values, { redact: "--redact" }),
  ];
  return form({
    id: `export:${ids(runs).join()}`,
    title: `${whatOf(runs, desk.connection.hello.user)} as one file`,
    fields: [
      line("file", "file", { text: `${name}.tar.gz`, hint: "x.tar.gz or x.tar.zst, seen from where ml was opened" }),
      choice("what", "what", { choices: Object.keys(levels), text: "all" }),
      line("only", "artifacts", { hint: "of them only these: best.pt" }),
      line("redact", "redact", { hint: "paths,names,secrets: taken out of the texts" }),
    ],
    command: (values) => shown(words(values), runs),
    submit: async (values, onTalk) => lastWords(await desk.runCommand(words(values), onTalk)),
  });
}

/** Runs of a bundle become runs here; `check only` is `ml verify`, which changes nothing. */
export function importForm(desk: Desk): FormState {
  const words = (values: Values) => [values.check === "yes" ? "verify" : "import", filled(values.file)];
  return form({
    id: "import",
    title: "Take in the runs of a bundle",
    fields: [
      line("file", "file", { hint: "run_42.tar.gz, seen from where ml was opened" }),
      choice("check", "only check it", { choices: ["yes"] }),
    ],
    command: (values) => `ml ${quoteCommand(words(values))}`,
    async submit(values, onTalk) {
      if (filled(values.file) === "") throw new MlError("usage", "which file? nothing was typed");
      const said = lastWords(await desk.runCommand(words(values), onTalk));
      desk.model.lookSoon(0);
      return said;
    },
  });
}

export function pullForm(desk: Desk, run: RunSummary): FormState {
  const words = (values: Values) => [
    ...["pull", run.run_id, ...linesOf(values.paths)],
    ...flagsOf(values, { to: "--to", rate: "--limit-rate" }),
  ];
  return form({
    id: `pull:${run.run_id}`,
    title: `Copy files of ${safeText(run.name)} here`,
    fields: [
      text("paths", "what", { hint: "everything; or files, folders, patterns, one a line: **/*.pt" }),
      line("to", "to", { hint: run.run_id }),
      line("rate", "at most", { hint: "2M a second" }),
    ],
    command: (values) => shown(words(values), [run]),
    submit: async (values, onTalk) => lastWords(await desk.runCommand(words(values), onTalk)),
  });
}

const filterFlags = { older: "--older-than", larger: "--larger-than" };

/** `runs`: the marked ones; without any, all of one's own. What would go is shown before anything goes. */
export function pruneForm(desk: Desk, runs: readonly RunSummary[]): FormState {
  const words = (values: Values) => [
    ...["prune", ...ids(runs), ...(values.superseded === "yes" ? ["--superseded"] : [])],
    ...flagsOf(values, filterFlags),
    ...flagLines(values.patterns, "--pattern"),
  ];
  const { user } = desk.connection.hello;
  return form({
    id: `prune:${ids(runs).join()}`,
    title: `Free artifacts of ${runs.length === 0 ? "all of your ended runs" : whatOf(runs, user)}`,
    fields: [
      choice("superseded", "old checkpoints", { choices: ["yes"] }),
      line("older", "older than", { hint: "30d" }),
      line("larger", "larger than", { hint: "100M" }),
      text("patterns", "files like", { hint: "*.ckpt, one a line" }),
    ],
    command: (values) => shown(words(values), runs),
    submit: (values) =>
      lookThenPrune(desk, runs, { body: pruneBody(runs, values), command: shown(words(values), runs) }),
  });
}

function pruneBody(runs: readonly RunSummary[], values: Values): Body<"run.prune"> {
  return {
    ...(runs.length === 0 ? {} : { runs: ids(runs) }),
    ...(filled(values.older) === "" ? {} : { older_than_seconds: parseDuration(filled(values.older), "age") / 1000 }),
    ...(filled(values.larger) === "" ? {} : { larger_than_bytes: parseSize(filled(values.larger), "size") }),
    patterns: linesOf(values.patterns),
    superseded: values.superseded === "yes",
  };
}

async function lookThenPrune(
  desk: Desk,
  runs: readonly RunSummary[],
  { body, command }: { body: Body<"run.prune">; command: string },
): Promise<Outcome> {
  const ask = (preview: boolean): Promise<Reply<"run.prune">> =>
    desk.connection.ask("run.prune", { ...body, dry_run: preview }, { timeoutMs: patienceMs });
  const plan = await ask(true);
  if (plan.files === 0) throw new MlError("not_found", "nothing fits: no space would be freed");
  return {
    question: {
      title: "Prune",
      text: ["These files go for ever; records, logs, metrics and code stay:"],
      lines: (face) => prunePage(plan, face),
      command: `${command} --yes`,
      yes: `free ${formatSize(plan.size_bytes)}`,
      dangerous: true,
      async act() {
        const done = await ask(false);
        for (const run of runs) desk.details.forget(run.run_id);
        desk.ui.marked.clear();
        desk.tell(`freed ${formatSize(done.size_bytes)}: ${done.files} files of ${done.runs.length} runs`, "good");
      },
    },
  };
}

/** `ml report`: the marked runs, or the experiment of the selected one, for a paper or a colleague. */
export function reportForm(desk: Desk): FormState {
  const marked = [...desk.ui.marked].map(shortId);
  const group = desk.selected()?.group ?? null;
  const about = marked.length > 0 ? marked.join(" ") : (group ?? "");
  const words = (values: Values) => [
    ...["report", ...wordsOf(filled(values.about)), "-o", filled(values.out)],
    ...flagsOf(values, { metric: "--metric", title: "--title" }),
  ];
  return form({
    id: `report:${about}`,
    title: "An experiment as a page or an appendix",
    fields: [
      line("about", "about", { text: quoteCommand(wordsOf(about)), hint: "a group, a sweep, runs, or a search" }),
      line("out", "into", { text: "report.html", hint: "x.md, x.tex, x.html, or a folder for all three" }),
      line("metric", "metrics", { hint: "the five most telling; val_acc,loss" }),
      line("title", "title", { hint: "above it" }),
    ],
    command: (values) => `ml ${quoteCommand(words(values))}`,
    submit: async (values, onTalk) => lastWords(await desk.runCommand(words(values), onTalk)),
  });
}
