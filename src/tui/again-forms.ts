/** Forms for runs made from runs: retry, clone, reproduce, and the code of one in a folder. Each does what its command does. */
import { quoteCommand } from "../core/shell-quote.ts";
import { shellWords } from "../core/shell-words.ts";
import type { RunSummary } from "../protocol/summary.ts";
import { shortId } from "../view/mark.ts";
import { reproductionPage } from "../view/reproduction-page.ts";
import { safeText } from "../view/safe-text.ts";
import type { Desk } from "./desk.ts";
import type { Field, FormState, PageWish, Values } from "./form.ts";
import { choice, filled, flagsOf, form, lastWords, line, queueBy, text } from "./form-parts.ts";
import { keyLabel } from "./keys.ts";
import { naming } from "./mentions.ts";
import { queueWords } from "./run-forms.ts";
import { ids, whatOf } from "./targets.ts";

/** The ids as a command line has them for people. */
function shown(words: readonly string[], runs: readonly RunSummary[]): string {
  const short = new Map(runs.map((run) => [run.run_id, shortId(run.run_id)]));
  return `ml ${quoteCommand(words.map((word) => short.get(word) ?? word))}`;
}

const wishFlags = { maxRuntime: "--max-runtime", ram: "--ram", gpus: "--gpus", gpuMemory: "--gpu-memory" };

const wishFields = (): Field[] => [
  line("maxRuntime", "max runtime", { hint: "as it was; 8h" }),
  line("ram", "ram", { hint: "as it was; 32G" }),
  line("gpus", "gpus", { hint: "as it was" }),
  line("gpuMemory", "gpu memory", { hint: "as it was; 24G" }),
];

export function retryForm(desk: Desk, runs: readonly RunSummary[]): FormState {
  const many = runs.length > 1 ? ["--yes"] : [];
  const words = (values: Values) => [
    "retry",
    ...ids(runs),
    ...many,
    ...flagsOf(values, wishFlags),
    ...queueWords(values),
  ];
  return form({
    id: `retry:${ids(runs).join()}`,
    title: `Try ${whatOf(runs, desk.connection.hello.user)} again, as it was`,
    fields: [
      ...wishFields(),
      line("priority", "priority", { hint: "as it was" }),
      line("more", "more", { hint: "--retries 3 --after @last: any flag of ml retry" }),
      text("note", "note", { hint: "what is different this time" }),
    ],
    command: (values) => shown(words(values), runs),
    async submit(values, onTalk) {
      shellWords(filled(values.more));
      return queueBy(desk, words(values), onTalk);
    },
  });
}

export function cloneForm(desk: Desk, run: RunSummary): FormState {
  const words = (values: Values) => [
    ...["clone", run.run_id],
    ...flagsOf(values, { times: "--times", ...wishFlags }),
    ...queueWords(values),
  ];
  return form({
    id: `clone:${run.run_id}`,
    title: `Repeat ${safeText(run.name)}`,
    fields: [
      line("times", "times", { hint: "1; the spread of several is the noise that comparisons are judged by" }),
      line("name", "name", { hint: safeText(run.name) }),
      line("group", "group", { hint: run.group === null ? "" : safeText(run.group) }),
      line("priority", "priority", { hint: String(run.priority) }),
      ...wishFields(),
      line("more", "more", { hint: "any flag of ml clone" }),
    ],
    command: (values) => shown(words(values), [run]),
    async submit(values, onTalk) {
      shellWords(filled(values.more));
      return queueBy(desk, words(values), onTalk);
    },
  });
}

export function reproduceForm(desk: Desk, run: RunSummary): FormState {
  const words = (values: Values) => [
    ...["reproduce", run.run_id, ...flagsOf(values, { tolerance: "--tolerance" })],
    ...(values.rebuild === "yes" ? ["--rebuild-env"] : []),
    ...queueWords(values),
  ];
  return form({
    id: `reproduce:${run.run_id}`,
    title: `Does ${safeText(run.name)} come out the same again?`,
    fields: [
      line("tolerance", "tolerance", { hint: "1%; without one, the spread of its repeats" }),
      choice("rebuild", "new environment", { choices: ["yes"] }),
      line("priority", "priority", { hint: String(run.priority) }),
      line("more", "more", { hint: "any flag of ml reproduce" }),
    ],
    command: (values) => shown(words(values), [run]),
    async submit(values, onTalk) {
      shellWords(filled(values.more));
      const queued = await queueBy(desk, words(values), onTalk);
      const [key] = desk.keymap.keysOf("reproduced");
      return key === undefined ? queued : `${queued}; ${keyLabel(key, true)} tells its verdict when it has ended`;
    },
  });
}

/** Asked for again while the reproduction is under way. */
export function reproducedWish({ connection }: Desk, run: RunSummary): PageWish {
  return {
    title: `What became of the reproduction of ${safeText(run.name)}`,
    command: `ml reproduce --check ${shortId(run.run_id)}`,
    runId: run.run_id,
    everyMs: 5000,
    async load() {
      const found = await connection.ask("run.reproduced", { run: run.run_id });
      return naming(found, (face) => reproductionPage(found, face));
    },
  };
}

const folders = {
  fork: { title: "to be changed and queued from there", hint: "../warmup: empty, or not there yet" },
  checkout: { title: "as it ran", hint: "../as-it-ran: empty, or not there yet" },
} as const;

/** `ml fork`, `ml checkout`: the code of the run in a folder, seen from where the screen was opened. */
export function codeForm(desk: Desk, run: RunSummary, kind: keyof typeof folders): FormState {
  const words = (values: Values) => [kind, run.run_id, filled(values.folder)];
  return form({
    id: `${kind}:${run.run_id}`,
    title: `The code of ${safeText(run.name)}, ${folders[kind].title}`,
    fields: [line("folder", "folder", { hint: folders[kind].hint })],
    command: (values) => shown(words(values), [run]),
    submit: async (values, onTalk) => lastWords(await desk.runCommand(words(values), onTalk)),
  });
}
