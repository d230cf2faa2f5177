/**
 * What a report says, as blocks: question and answer in the words of people, what varied and what came out, curves, what it ran
 * on, with which code and data, what it cost, how to do it again, and what led nowhere. What is not known is said to be unknown.
 */
import { formatDuration } from "../core/duration.ts";
import type { Reply } from "../protocol/requests.ts";
import { bestFirst, setUpsOf } from "../think/repeats.ts";
import type { RunFacts } from "../think/run-facts.ts";
import { formatMetric, tellingFirst } from "../view/metric.ts";
import { counted, groupSayings, isTold, type Saying, sayingsOf } from "../view/notebook-text.ts";
import { fullTime } from "../view/time.ts";
import type { ReportBlock, ReportDocument, ReportFigure } from "./document.ts";
import { settingFacts } from "./setting.ts";
import { resultsTable, runsTable } from "./tables.ts";

export type Facts = Reply<"runs.facts">;
export type Manifest = Reply<"run.get">["manifest"];
type DeadEnd = Reply<"memory.dead_ends">["dead_ends"][number];

export interface ReportParts {
  title: string;
  about: string;
  facts: Facts;
  /** Of the same runs; one that is gone by now is left out. */
  manifests: readonly Manifest[];
  deadEnds: readonly DeadEnd[];
  figures: readonly ReportFigure[];
  /** Shown, the most telling first; and how many more there are. */
  metrics: readonly string[];
  moreMetrics: number;
  /** What `ml export` takes to give the same runs: `--where 'group:bs'`, or ids. */
  exportWords: string;
}

const heading = (text: string, level: 1 | 2 | 3 = 2): ReportBlock => ({ kind: "heading", level, text });
const prose = (text: string): ReportBlock => ({ kind: "prose", text });
const asFacts = (sayings: readonly Saying[]): ReportBlock[] =>
  sayings.length === 0 ? [] : [{ kind: "facts", items: sayings.map(({ label, text }) => ({ label, text })) }];

function period(runs: readonly RunFacts[]): string {
  const day = (iso: string | null | undefined) => fullTime(iso)?.slice(0, 10) ?? "an unknown day";
  const first = runs.reduce((least, run) => (run.queued_at < least ? run.queued_at : least), runs[0]?.queued_at ?? "");
  const last = runs.reduce((most, run) => {
    const at = run.ended_at ?? run.queued_at;
    return at > most ? at : most;
  }, "");
  return day(first) === day(last) ? `on ${day(first)}` : `from ${day(first)} to ${day(last)}`;
}

function overview({ facts }: ReportParts): ReportBlock[] {
  const people = [...new Set(facts.runs.map((run) => run.user))].sort().join(", ");
  const verdicts = [...Map.groupBy(facts.runs, (run) => run.verdict ?? "no verdict")].map(
    ([verdict, runs]) => `${runs.length} ${verdict}`,
  );
  const more = facts.more ? " Older runs that fit as well are left out: a report takes 500." : "";
  return [
    prose(
      `${counted(facts.runs)} ${facts.runs.length === 1 ? "It" : "They"} ran ${period(facts.runs)}, by ${people}. Verdicts: ${verdicts.join(", ")}.${more}`,
    ),
  ];
}

/** Of a run that many repeat, the words are said once. */
function narrative({ facts }: ReportParts): ReportBlock[] {
  const groups = facts.groups.flatMap((group) => [
    heading(`Experiment ${group.group}${group.verdict === null ? "" : `: ${group.verdict}`}`, 3),
    ...asFacts(groupSayings(group)),
  ]);
  const told = facts.runs.filter(isTold).toSorted((a, b) => (a.queued_at < b.queued_at ? -1 : 1));
  const same = Map.groupBy(told, (run) => JSON.stringify([run.verdict, sayingsOf(run)]));
  const runs = [...same.values()].flatMap(([first, ...others]): ReportBlock[] => {
    if (first === undefined) return [];
    const also = others.length === 0 ? "" : ` and ${others.length} more`;
    const verdict = first.verdict === null ? "" : `: ${first.verdict}`;
    return [
      heading(`${first.name} (${first.run_id}${also})${verdict}`, 3),
      ...asFacts([...sayingsOf(first), ...(others.length > 0 ? [] : [{ label: "Result", text: resultOf(first) }])]),
    ];
  });
  const all = [...groups, ...runs];
  return [heading("Question and answer"), ...(all.length === 0 ? [prose("Nobody wrote down what was asked.")] : all)];
}

function resultOf(run: RunFacts): string {
  const metrics = tellingFirst(Object.keys(run.metrics)).slice(0, 4);
  const parts = [
    run.failure === null ? run.status : `${run.status} (${run.failure})`,
    run.seconds === null ? null : `after ${formatDuration(run.seconds * 1000)}`,
    ...metrics.map((name) => `${name} ${formatMetric(run.metrics[name] ?? Number.NaN)}`),
  ];
  return parts.filter((part) => part !== null).join(", ");
}

function results(parts: ReportParts): ReportBlock[] {
  const { leftOut, ...table } = resultsTable(bestFirst(setUpsOf(parts.facts.runs), parts.metrics[0]), parts.metrics);
  const hidden = [
    ...(leftOut.length === 0 ? [] : [`${leftOut.length} more that vary (${leftOut.join(", ")})`]),
    ...(parts.moreMetrics === 0 ? [] : [`${parts.moreMetrics} more metrics`]),
  ];
  return [
    heading("Results"),
    table,
    ...(hidden.length === 0 ? [] : [prose(`Not in the table: ${hidden.join(", ")}.`)]),
    ...parts.figures,
  ];
}

function reproduction({ exportWords, facts, manifests }: ReportParts): ReportBlock[] {
  const [first] = manifests;
  const withoutCode = manifests.filter((manifest) => manifest.environment.snapshot === null).length;
  return [
    heading("How to reproduce it"),
    prose(
      "The bundle holds run folders, code, environment locks and sums of everything, and reproduce.sh, which needs a shell and the interpreter of the script.",
    ),
    {
      kind: "commands",
      lines: [
        `ml export ${exportWords} -o runs.tar.gz`,
        "tar xzf runs.tar.gz && sh */reproduce.sh",
        ...(first === undefined ? [] : [`ml reproduce ${first.run_id}`]),
      ],
    },
    ...(withoutCode === 0
      ? []
      : [prose(`${withoutCode} of ${facts.runs.length} runs have no code of their own in the record.`)]),
  ];
}

function deadEnds({ deadEnds: ends, facts }: ReportParts): ReportBlock[] {
  const items = ends.map((end) => {
    const how =
      end.kind === "refuted" ? "refuted" : `failed ${end.runs.length} of ${end.runs.length} times (${end.failure})`;
    const by = end.runs.map((run) => run.run_id).slice(0, 3);
    const who = by.length > 0 ? ` [${by.join(", ")}]` : "";
    return `${end.what}: ${how}${end.because === null ? "" : `: ${end.because}`}${who}`;
  });
  const failed = facts.runs.filter((run) => run.status === "failed");
  const kinds = [...Map.groupBy(failed, (run) => run.failure ?? "unknown why")].map(
    ([kind, runs]) => `${runs.length} ${kind}`,
  );
  return [
    heading("Dead ends"),
    ...(items.length === 0
      ? [prose("Nothing was refuted, and nothing failed the same way each time.")]
      : [{ kind: "list", items } as const]),
    ...(failed.length === 0 ? [] : [prose(`Failed runs: ${kinds.join(", ")}.`)]),
  ];
}

function appendix({ facts, metrics, manifests }: ReportParts): ReportBlock[] {
  const order = facts.runs.toSorted((a, b) => (a.queued_at < b.queued_at ? -1 : 1));
  const commands = [...new Set(manifests.map((manifest) => manifest.command))];
  const shown = commands.slice(0, mostCommands);
  return [
    heading("All runs"),
    runsTable(order, metrics),
    heading("Commands", 3),
    { kind: "commands", lines: shown },
    ...(commands.length > shown.length ? [prose(`and ${commands.length - shown.length} more.`)] : []),
  ];
}

const mostCommands = 50;

export function composeReport(parts: ReportParts): ReportDocument {
  return {
    title: parts.title,
    about: parts.about,
    blocks: [
      ...overview(parts),
      ...narrative(parts),
      ...results(parts),
      ...settingFacts(parts.manifests),
      ...reproduction(parts),
      ...deadEnds(parts),
      ...appendix(parts),
    ],
  };
}
