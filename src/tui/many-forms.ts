/**
 * What people write about several runs at once: a note on each, one verdict for all, labels put on and taken off. Nothing that
 * stands there is overwritten unseen, so these forms begin empty and add; how many runs they mean is asked about before.
 */
import { MlError } from "../core/error.ts";
import { quoteCommand, quoteWord } from "../core/shell-quote.ts";
import type { Body } from "../protocol/requests.ts";
import type { RunSummary } from "../protocol/summary.ts";
import { verdicts } from "../think/narrative-field.ts";
import type { Desk } from "./desk.ts";
import type { FormState, Outcome } from "./form.ts";
import { choice, filled, flagLines, flagsOf, form, line, linesOf, listOf, text } from "./form-parts.ts";
import { ids, shortIds } from "./targets.ts";

type Runs = readonly RunSummary[];
type Change = Body<"narrative.change">["change"];

/** Drafts are kept by what they are about. */
const idOf = (kind: string, runs: Runs) => `${kind}:${ids(runs).join()}`;

/** The question that a form for many leads to. */
function asking(desk: Desk, runs: Runs, wish: { title: string; does: string; command: string; act(): Promise<void> }) {
  const { title, does, command, act } = wish;
  const outcome: Outcome = {
    question: {
      title,
      text: [`${does} ${runs.length} runs?`, "Other words of theirs stay as they are."],
      ...{ command, yes: `on ${runs.length} runs`, dangerous: false },
      async act() {
        await act();
        for (const run of runs) desk.details.forget(run.run_id);
      },
    },
  };
  return outcome;
}

/** In one request: all of them, or none. */
async function change(desk: Desk, runs: Runs, wish: Change): Promise<void> {
  await desk.connection.ask("narrative.change", { targets: ids(runs), change: wish });
}

export function annotateManyForm(desk: Desk, runs: Runs): FormState {
  const command = (note: string) => `for run in ${shortIds(runs)}; do ml annotate $run --note ${quoteWord(note)}; done`;
  return form({
    id: idOf("annotate", runs),
    title: `Note on ${runs.length} marked runs`,
    fields: [text("note", "note", { hint: "what you see in all of them" })],
    command: (values) => command(filled(values.note)),
    async submit(values) {
      const note = filled(values.note);
      if (note === "") throw new MlError("usage", "the note is empty");
      return asking(desk, runs, {
        ...{ title: "Note", does: "Note this on", command: command(note) },
        async act() {
          for (const run of runs) await desk.connection.ask("run.annotate", { run: run.run_id, note });
          desk.tell(`noted on ${runs.length} runs`, "good");
        },
      });
    },
  });
}

export function verdictManyForm(desk: Desk, runs: Runs): FormState {
  const verdictOf = (word: string | undefined) => verdicts.find((one) => one === filled(word)) ?? null;
  const command = (values: Parameters<FormState["command"]>[0]) => {
    const verdict = verdictOf(values.verdict);
    const words = [
      ...flagsOf(values, { outcome: "--outcome" }),
      ...flagLines(values.learned, "--learned"),
      ...flagLines(values.next, "--next"),
    ];
    return `ml conclude ${[shortIds(runs), ...(verdict === null ? [] : [`--${verdict}`])].join(" ")} ${quoteCommand(words)}`.trim();
  };
  return form({
    id: idOf("verdict", runs),
    title: `What came of ${runs.length} marked runs`,
    fields: [
      choice("verdict", "verdict", { choices: verdicts }),
      text("outcome", "outcome", { hint: "in place of what they have" }),
      text("learned", "learned", { hint: "one a line; added" }),
      text("next", "next steps", { hint: "one a line; added" }),
    ],
    command,
    async submit(values) {
      const verdict = verdictOf(values.verdict);
      const outcome = filled(values.outcome);
      const set = {
        ...(verdict === null ? {} : { validation_status: verdict }),
        ...(outcome === "" ? {} : { outcome }),
      };
      const add = { learnings: linesOf(values.learned), next_steps: linesOf(values.next) };
      if (Object.keys(set).length + add.learnings.length + add.next_steps.length === 0)
        throw new MlError("usage", "nothing was written");
      return asking(desk, runs, {
        ...{
          title: "Verdict",
          does: `${verdict === null ? "Write this of" : `Write \`${verdict}\` of`}`,
          command: command(values),
        },
        async act() {
          await change(desk, runs, { set, add });
          if (verdict !== null) for (const run of runs) desk.model.foresee(run.run_id, { validation_status: verdict });
          desk.tell(`${runs.length} runs: ${verdict ?? "written down"}`, "good");
        },
      });
    },
  });
}

export function tagManyForm(desk: Desk, runs: Runs): FormState {
  const command = (added: readonly string[], gone: readonly string[]) =>
    [["add", added] as const, ["remove", gone] as const]
      .flatMap(([action, tags]) =>
        tags.length === 0 ? [] : [`ml tag ${action} ${quoteWord(tags.join(","))} ${shortIds(runs)}`],
      )
      .join(" && ");
  const common = (runs[0]?.tags ?? []).filter((tag) => runs.every((run) => run.tags.includes(tag)));
  return form({
    id: idOf("tag", runs),
    title: `Tags of ${runs.length} marked runs`,
    fields: [
      line("add", "put on", { hint: "ablation warmup" }),
      line("remove", "take off", { hint: common.length === 0 ? "no tag is on all of them" : common.join(" ") }),
    ],
    command: (values) => command(listOf(values.add), listOf(values.remove)),
    async submit(values) {
      const [added, gone] = [listOf(values.add), listOf(values.remove)];
      if (added.length + gone.length === 0) throw new MlError("usage", "no tag was given");
      const words = [
        ...(added.length === 0 ? [] : [`put ${added.join(", ")} on`]),
        ...(gone.length === 0 ? [] : [`take ${gone.join(", ")} off`]),
      ].join(" and ");
      return asking(desk, runs, {
        ...{ title: "Tags", does: `${words.charAt(0).toUpperCase()}${words.slice(1)}`, command: command(added, gone) },
        async act() {
          await change(desk, runs, { add: { tags: added }, remove: { tags: gone } });
          for (const run of runs)
            desk.model.foresee(run.run_id, {
              tags: [...new Set([...run.tags, ...added])].filter((tag) => !gone.includes(tag)),
            });
          desk.tell(`${runs.length} runs: ${words}`, "good");
        },
      });
    },
  });
}
