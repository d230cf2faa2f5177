/** What people learned and what they meant to do next, over many runs and groups, each said once with all who said it. */
/** What is asked of a run; RunFacts have it. */
export interface LessonRun {
  run_id: string;
  name: string;
  user: string;
  queued_at: string;
  verdict: string | null;
  learnings: readonly string[];
  next_steps: readonly string[];
}

export interface LessonSource {
  kind: "run" | "group";
  id: string;
  name: string;
  user: string;
  /** When the run was queued, or the group first written about. */
  at: string;
  verdict: string | null;
}

export interface Lesson {
  text: string;
  sources: LessonSource[];
}

/** What is known of a group: the words of its record. */
export interface GroupWords {
  group: string;
  user: string;
  at: string;
  hypothesis: string | null;
  outcome: string | null;
  verdict: string | null;
  tags: readonly string[];
  learnings: readonly string[];
  next_steps: readonly string[];
}

const plain = (text: string) =>
  text
    .toLowerCase()
    .replace(/\s+/g, " ")
    .replace(/[.!]+$/, "")
    .trim();

function sourceOf(run: LessonRun): LessonSource {
  return { kind: "run", id: run.run_id, name: run.name, user: run.user, at: run.queued_at, verdict: run.verdict };
}

function groupSource({ group, user, at, verdict }: GroupWords): LessonSource {
  return { kind: "group", id: group, name: group, user, at, verdict };
}

/** Newest first; the same words (but for case, space and the full stop) are one lesson. */
export function collectLessons(
  runs: readonly LessonRun[],
  groups: readonly GroupWords[],
  key: "learnings" | "next_steps",
): Lesson[] {
  const found = new Map<string, Lesson>();
  const add = (text: string, source: LessonSource) => {
    const lesson = found.get(plain(text)) ?? { text, sources: [] };
    lesson.sources.push(source);
    found.set(plain(text), lesson);
  };
  for (const group of groups) for (const text of group[key]) add(text, groupSource(group));
  for (const run of runs) for (const text of run[key]) add(text, sourceOf(run));
  const latest = (lesson: Lesson) => lesson.sources.reduce((last, { at }) => (at > last ? at : last), "");
  return [...found.values()].sort((a, b) => (latest(a) < latest(b) ? 1 : latest(a) > latest(b) ? -1 : 0));
}
