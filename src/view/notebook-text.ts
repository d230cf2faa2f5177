/** A notebook as Markdown: what ran, why, what came out and what was learned, day by day or for one experiment. */
import { formatDuration } from "../core/duration.ts";
import type { Reply } from "../protocol/requests.ts";
import { markdownText } from "./markdown-text.ts";
import { formatMetric, headline } from "./metric.ts";
import { safeText } from "./safe-text.ts";
import { fullTime } from "./time.ts";

type Facts = Reply<"runs.facts">;
type Run = Facts["runs"][number];

/** Text of people in Markdown: kept as they wrote it, but for tags, and for what would begin a heading or a fence of its own. */
export function prose(text: string, indent: string): string {
  return text
    .split("\n")
    .map((line) =>
      safeText(line)
        .replace(/^(\s*)(#{1,6}\s|```|~~~)/, "$1\\$2")
        .replace(/<(?=[a-z/!?])/gi, "&lt;"),
    )
    .join(`\n${indent}`);
}

function resultText(run: Run): string {
  const metric = headline(run.metrics);
  const parts = [
    run.failure === null ? run.status : `${run.status} (${run.failure})`,
    run.seconds === null ? null : `after ${formatDuration(run.seconds * 1000)}`,
    metric === null ? null : `${markdownText(metric.name)} **${formatMetric(metric.value)}**`,
    run.verdict === null ? null : `**${run.verdict}**`,
  ];
  return parts.filter((part) => part !== null).join(", ");
}

/** What people said, in the order in which a reader wants it. */
export interface Saying {
  label: string;
  text: string;
}

const saying = (label: string, text: string | null): Saying[] => (text === null ? [] : [{ label, text }]);

/** What people said of a run. */
export function sayingsOf(run: Run): Saying[] {
  return [
    ...saying("Hypothesis", run.hypothesis),
    ...saying("Intent", run.intent),
    ...saying("Expected", run.expected),
    ...saying("Note", run.note),
    ...saying("Outcome", run.outcome),
    ...run.learnings.flatMap((text) => saying("Learned", text)),
    ...run.next_steps.flatMap((text) => saying("Next", text)),
    ...run.annotations.map((one) => ({
      label: `${safeText(one.author)}, ${fullTime(one.timestamp)?.slice(0, 16) ?? "?"}`,
      text: one.note,
    })),
  ];
}

/** What people said of a whole experiment. */
export function groupSayings(group: Facts["groups"][number]): Saying[] {
  return [
    ...saying("Hypothesis", group.hypothesis),
    ...saying("Outcome", group.outcome),
    ...group.learnings.flatMap((text) => saying("Learned", text)),
    ...group.next_steps.flatMap((text) => saying("Next", text)),
  ];
}

const items = (sayings: readonly Saying[]) => sayings.map(({ label, text }) => `- ${label}: ${prose(text, "  ")}`);

/** Whether people said anything about the run: then it has a section, else a line in the table. */
export const isTold = (run: Run) => run.verdict !== null || sayingsOf(run).some(({ label }) => label !== "Expected");

function runSection(run: Run): string[] {
  const parameters = Object.entries(run.parameters).map(([name, value]) => `${name}=${value}`);
  const setUp = safeText([run.script, ...parameters].join(" ")).replaceAll("`", "'");
  return [
    `### ${markdownText(run.name)} \`${run.run_id}\``,
    "",
    `\`${setUp}\`  `,
    `${resultText(run)}`,
    "",
    ...items(sayingsOf(run)),
    "",
  ];
}

function quietTable(runs: readonly Run[]): string[] {
  if (runs.length === 0) return [];
  const rows = runs.map((run) => {
    const parameters = Object.entries(run.parameters).map(([name, value]) => `${name}=${value}`);
    return `| ${markdownText(run.name)} | \`${run.run_id}\` | ${markdownText(parameters.join(" "))} | ${resultText(run)} |`;
  });
  return ["| run | id | parameters | result |", "|---|---|---|---|", ...rows, ""];
}

function groupSection(group: Facts["groups"][number]): string[] {
  return [
    `### Group ${markdownText(group.group)}${group.verdict === null ? "" : `: **${group.verdict}**`}`,
    "",
    ...items(groupSayings(group)),
    "",
  ];
}

export function counted(runs: readonly Run[]): string {
  const counts = [...Map.groupBy(runs, (run) => run.status)].map(([status, same]) => `${same.length} ${status}`);
  return `${runs.length} ${runs.length === 1 ? "run" : "runs"}: ${counts.join(", ")}.`;
}

const localDay = (run: Run) => fullTime(run.queued_at)?.slice(0, 10) ?? "unknown day";

/** `title` is what was asked for: a day, a week, a group. Runs in order of arrival. */
export function notebookText(facts: Facts, title: string): string {
  const runs = facts.runs.toSorted((a, b) => (a.queued_at < b.queued_at ? -1 : 1));
  const days = [...Map.groupBy(runs, localDay)].flatMap(([day, same]) => [
    `## ${day}`,
    "",
    counted(same),
    "",
    ...same.filter(isTold).flatMap(runSection),
    ...quietTable(same.filter((run) => !isTold(run))),
  ]);
  const groups = facts.groups.length === 0 ? [] : ["## Experiments", "", ...facts.groups.flatMap(groupSection)];
  const more = facts.more
    ? ["", "Older runs of this time are left out: there are more than one notebook takes.", ""]
    : [];
  const lines = [
    `# ${markdownText(title)}`,
    "",
    ...(runs.length === 0 ? ["Nothing ran.", ""] : []),
    ...groups,
    ...days,
    ...more,
  ];
  return `${lines
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trimEnd()}\n`;
}
