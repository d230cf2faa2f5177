/** The pages about runs: what is asked of the server, the page of the command line that shows it, and that command line. */
import { MlError } from "../core/error.ts";
import { localOffsetMs } from "../core/local-offset.ts";
import { pastMoment, periodOf } from "../core/past.ts";
import { quoteCommand } from "../core/shell-quote.ts";
import type { RunSummary } from "../protocol/summary.ts";
import { auditPage } from "../view/audit-page.ts";
import { diffPage } from "../view/diff-page.ts";
import { explainPage } from "../view/explain-page.ts";
import { type Face, type Line, span, wrapText } from "../view/face.ts";
import { insightsPage } from "../view/insights-page.ts";
import { shortId } from "../view/mark.ts";
import { deadEndsPage, lessonsPage, lineagePage } from "../view/memory-pages.ts";
import { narrativePage } from "../view/narrative-page.ts";
import { notebookText } from "../view/notebook-text.ts";
import { safeLines, safeText } from "../view/safe-text.ts";
import { similarPage } from "../view/similar-page.ts";
import type { Desk } from "./desk.ts";
import type { FormState, PageLines, PageWish, Values } from "./form.ts";
import { filled, flagsOf, form, line } from "./form-parts.ts";
import { naming } from "./mentions.ts";

const name = (run: RunSummary) => safeText(run.name);
const likeRuns = 20;
const auditLines = 200;

export function similarWish({ connection }: Desk, run: RunSummary): PageWish {
  return {
    title: `Runs like ${name(run)}`,
    command: `ml similar ${shortId(run.run_id)} -n ${likeRuns}`,
    runId: run.run_id,
    async load() {
      const reply = await connection.ask("run.similar", { run: run.run_id, limit: likeRuns });
      return naming(reply, (face) => similarPage(reply, face));
    },
  };
}

type Pair = readonly [string, string];

export function diffWish({ connection }: Desk, [a, b]: Pair): PageWish {
  return {
    title: `How ${shortId(a)} and ${shortId(b)} differ`,
    command: `ml diff ${shortId(a)} ${shortId(b)}`,
    runId: null,
    async load() {
      const diff = await connection.ask("run.diff", { a, b });
      return naming(diff, (face) => diffPage(diff, { face, lines: true }));
    },
  };
}

export function explainWish({ connection }: Desk, [a, b]: Pair): PageWish {
  return {
    title: `Why ${shortId(a)} and ${shortId(b)} came out differently`,
    command: `ml why-different ${shortId(a)} ${shortId(b)}`,
    runId: null,
    async load() {
      const explained = await connection.ask("run.explain", { a, b });
      return naming(explained, (face) => explainPage(explained, face));
    },
  };
}

export function lineageWish({ connection }: Desk, run: RunSummary): PageWish {
  return {
    title: `The tree of ${name(run)}`,
    command: `ml lineage ${shortId(run.run_id)}`,
    runId: run.run_id,
    async load() {
      const { nodes } = await connection.ask("memory.lineage", { run: run.run_id });
      return naming(nodes, (face) => lineagePage(nodes, face));
    },
  };
}

export function toldWish({ connection }: Desk, run: RunSummary): PageWish {
  return {
    title: `What was thought of ${name(run)}`,
    command: `ml narrative show ${shortId(run.run_id)} --history`,
    runId: run.run_id,
    async load() {
      const told = await connection.ask("narrative.get", { target: run.run_id });
      return naming(told, (face) => narrativePage(told, { face, history: true }));
    },
  };
}

export function auditWish({ connection }: Desk, run: RunSummary): PageWish {
  return {
    title: `Who did what to ${name(run)}`,
    command: `ml audit ${shortId(run.run_id)} -n ${auditLines}`,
    runId: run.run_id,
    async load() {
      const reply = await connection.ask("audit.list", { run: run.run_id, limit: auditLines });
      return naming(reply, (face) => auditPage(reply, face));
    },
  };
}

const scopeFlags = {
  group: "--group",
  tag: "--tag",
  user: "--user",
  since: "--since",
  until: "--until",
  where: "--where",
};
export type Scope = Partial<Record<keyof typeof scopeFlags, string>>;

/** Where nothing else was said: the experiment of the selected run. */
export function scopeHere(desk: Desk): Scope {
  const group = desk.selected()?.group ?? null;
  return group === null ? {} : { group };
}

/** As the server is asked for it. Throws `usage` for times that are none. */
function asked(scope: Scope, nowMs: number) {
  const { since, until, where, ...rest } = scope;
  return {
    ...rest,
    ...(since === undefined ? {} : { since: pastMoment(since, nowMs) }),
    ...(until === undefined ? {} : { until: pastMoment(until, nowMs) }),
    ...(where === undefined ? {} : { where, utc_offset_minutes: localOffsetMs(nowMs) / 60_000 }),
  };
}

interface ScopedKind {
  command: string;
  title: string;
  /** Fields that the form has besides the scope's. */
  more?: Readonly<Record<string, { flag: string; hint: string }>>;
  /** `scope` and the values of `more`. */
  load(desk: Desk, scope: Scope, more: Values): Promise<PageLines>;
}

/** A page for which nothing was found still says what was looked at. */
const orSentence = (lines: readonly Line[], sentence: string): readonly Line[] =>
  lines.length === 0 ? [[span(sentence, "dim")]] : lines;

const lookedAt = (more: boolean, count: number): Line[] =>
  more ? [[], [span(`looked at the newest ${count} runs only`, "dim")]] : [];

export const scopedKinds = {
  lessons: {
    command: "lessons",
    title: "What was learned",
    async load(desk, scope) {
      const reply = await desk.connection.ask("memory.lessons", {
        ...asked(scope, desk.model.nowMs()),
        kind: "learnings",
      });
      const none = "no run has one; v on a run writes one down";
      return naming(reply, (face) => [
        ...orSentence(lessonsPage(reply.lessons, face), none),
        ...lookedAt(reply.more, reply.looked_at),
      ]);
    },
  },
  dead_ends: {
    command: "dead-ends",
    title: "Dead ends",
    async load(desk, scope) {
      const reply = await desk.connection.ask("memory.dead_ends", asked(scope, desk.model.nowMs()));
      const none = `none among ${reply.looked_at} runs: nothing was refuted, and nothing failed the same way each time`;
      return naming(reply, (face) => [
        ...orSentence(deadEndsPage(reply.dead_ends, face), none),
        ...lookedAt(reply.more, reply.looked_at),
      ]);
    },
  },
  insights: {
    command: "insights",
    title: "What moved the metric",
    more: { metric: { flag: "--metric", hint: "the most telling" } },
    async load(desk, scope, { metric = "" }) {
      if (Object.keys(scope).length === 0)
        throw new MlError("usage", "among which runs? this one is of no group; / chooses others");
      const body = {
        ...asked(scope, desk.model.nowMs()),
        ...(filled(metric) === "" ? {} : { metric: filled(metric) }),
      };
      const insights = await desk.connection.ask("memory.insights", body);
      return naming(insights, (face) => [...insightsPage(insights, face), ...lookedAt(insights.more, insights.runs)]);
    },
  },
  notebook: {
    command: "notebook",
    title: "Notebook",
    more: {
      period: { flag: "", hint: "today, yesterday, week, 2026-11-23, 7d; with nothing: all of a group, or today" },
    },
    async load(desk, scope, { period = "" }) {
      const nowMs = desk.model.nowMs();
      const isWhole = filled(period) === "" && Object.keys(scope).length > 0;
      const span = isWhole ? null : periodOf(filled(period).toLowerCase() || "today", nowMs);
      const time = span === null ? {} : { since: span.since, ...(span.until === null ? {} : { until: span.until }) };
      const facts = await desk.connection.ask("runs.facts", { ...asked(scope, nowMs), ...time, limit: 500 });
      const about = [scope.group, scope.tag, scope.user].filter((one) => one !== undefined).join(", ");
      const markdown = notebookText(facts, ["Notebook", span?.name, about].filter((part) => part).join(", "));
      return naming(facts, (face) => markdownLines(markdown, face));
    },
  },
} satisfies Record<string, ScopedKind>;

/** Markdown as it is, wrapped; headings stand out. */
function markdownLines(markdown: string, face: Face): Line[] {
  return markdown.split("\n").flatMap((text): Line[] => {
    const isHead = text.startsWith("#");
    // Rows of a table are cut, not wrapped: they would be none any more.
    const parts = text.startsWith("|") ? [text] : wrapText(text, face.width);
    return parts.length === 0 ? [[]] : parts.map((part): Line => [span(part, isHead ? "strong" : "plain")]);
  });
}

function scopedWords(kind: ScopedKind, scope: Scope, more: Values): string[] {
  const positional = Object.entries(kind.more ?? {}).flatMap(([field, { flag }]) =>
    filled(more[field]) === "" ? [] : flag === "" ? [filled(more[field])] : [flag, filled(more[field])],
  );
  return [kind.command, ...positional, ...flagsOf(scope as Values, scopeFlags)];
}

/** A page about several runs; `/` there asks which. */
export function scopedWish(desk: Desk, given: ScopedKind, choice: { scope: Scope; more?: Values }): PageWish {
  const kind: ScopedKind = given;
  const { scope, more = {} } = choice;
  return {
    title: kind.title,
    command: `ml ${quoteCommand(scopedWords(kind, scope, more))}`,
    runId: null,
    load: () => kind.load(desk, scope, more),
    refine: () => scopeForm(desk, kind, { scope, more }),
  };
}

function scopeForm(desk: Desk, kind: ScopedKind, { scope, more }: { scope: Scope; more: Values }): FormState {
  const ours = desk.connection.hello.user;
  const chosen = (values: Values): Scope =>
    Object.fromEntries(
      Object.keys(scopeFlags).flatMap((field) =>
        filled(values[field]) === "" ? [] : [[field, filled(values[field])]],
      ),
    );
  return form({
    id: `scope:${kind.command}`,
    title: `${kind.title}: of which runs`,
    fields: [
      ...Object.entries(kind.more ?? {}).map(([field, { hint }]) =>
        line(field, field, { text: more[field] ?? "", hint }),
      ),
      line("group", "group", { text: scope.group ?? "", hint: "an experiment" }),
      line("tag", "tag", { text: scope.tag ?? "", hint: "a label" }),
      line("user", "user", { text: scope.user ?? "", hint: `whose, such as ${ours}` }),
      line("since", "since", { text: scope.since ?? "", hint: "7d, 2026-11-23, today" }),
      line("until", "until", { text: scope.until ?? "", hint: "the same" }),
      line("where", "where", { text: scope.where ?? "", hint: "a search, as / in the list takes it" }),
    ],
    command: (values) => `ml ${quoteCommand(scopedWords(kind, chosen(values), values))}`,
    async submit(values) {
      const wish = scopedWish(desk, kind, { scope: chosen(values), more: values });
      // What cannot be asked is told while the form is still there.
      const lines = await wish.load();
      desk.pages.back();
      return { page: { ...wish, load: async () => lines } };
    },
  });
}

/** A page of a file holds no more than this. */
const fileBytes = 256 * 1024;

/** The beginning of a file of a run; a name that the run folder lacks is looked for in work/, as `ml cat` does it. */
async function readFile(
  { connection }: Desk,
  run: RunSummary,
  path: string,
): Promise<{ text: string; isCut: boolean }> {
  for (const each of [path, `work/${path}`]) {
    const url = `/runs/${run.run_id}/files/${each.split("/").map(encodeURIComponent).join("/")}`;
    const response = await connection.fetch(url, { headers: { range: `bytes=0-${fileBytes - 1}` } });
    const total = Number(/\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1] ?? 0);
    if (response.ok) return { text: await response.text(), isCut: total > fileBytes };
    if (response.status === 416) return { text: "", isCut: false };
  }
  throw new MlError("not_found", `${name(run)} has no file \`${safeText(path)}\``, { hint: "F lists what it has" });
}

export function fileForm(desk: Desk, run: RunSummary): FormState {
  const words = (values: Values) => ["cat", shortId(run.run_id), filled(values.path)];
  return form({
    id: `file:${run.run_id}`,
    title: `A file of ${name(run)}`,
    fields: [line("path", "path", { hint: "run_manifest.json, results.csv: as F lists them" })],
    command: (values) => `ml ${quoteCommand(words(values))}`,
    async submit(values) {
      if (filled(values.path) === "") throw new MlError("usage", "which file?", { hint: "F lists them" });
      const { text, isCut } = await readFile(desk, run, filled(values.path));
      const end: Line[] = isCut ? [[], [span("only the beginning is shown; x copies it whole", "warn")]] : [];
      const lines: PageLines = (face) => [
        ...safeLines(text).flatMap((one) => wrapText(one, face.width).map((part): Line => [span(part)])),
        ...end,
      ];
      const title = `${safeText(filled(values.path))} of ${name(run)}`;
      return {
        page: { title, command: `ml ${quoteCommand(words(values))}`, runId: run.run_id, load: async () => lines },
      };
    },
  });
}
