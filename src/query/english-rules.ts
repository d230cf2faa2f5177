/**
 * The rules by which plain English is read, in the order in which they are tried at each word. Each is a pattern over
 * the words from there on, lower case, one space between them; what it gives is query text. No rule guesses: a name
 * counts only where there is such a metric, parameter, user, tag or dataset. docs/find.md lists them all.
 */
import { localMs, monthNames, type Present, wallClock } from "./times.ts";

export interface EnglishContext {
  present: Present;
  /** A metric or parameter, as its own name or by a synonym. */
  isName(name: string): boolean;
  isMetric(name: string): boolean;
  lessIsBetter(name: string): boolean;
  /** A value that some run has in a field: user, tag, group, dataset, host, project, branch. */
  isLabel(field: string, value: string): boolean;
  /** Some GPU model's name contains it. */
  isGpuModel(part: string): boolean;
  /** A text value that the parameter has in some run. */
  isValue(name: string, value: string): boolean;
}

export interface EnglishRule {
  /** What it understands, for the documentation. */
  about: string;
  pattern: RegExp;
  /** Query text; null: the rule does not apply after all. */
  read(match: RegExpExecArray, context: EnglishContext): string | null;
}

const months = monthNames
  .map((name) => `${name.slice(0, 3)}(?:${name.slice(3)})?`)
  .join("|")
  .replace("sep(?:tember)?", "sept?(?:ember)?");
const ordinal = "\\d{1,2}(?:st|nd|rd|th)?";
const sure = [
  "today|yesterday|overnight|last night|this morning|(?:this|last) (?:week|month|year)",
  "last (?:mon|tues|wednes|thurs|fri|satur|sun)day",
  "\\d{4}-\\d{1,2}(?:-\\d{1,2})?",
  `${ordinal} (?:of )?(?:${months})(?: \\d{4})?|(?:${months}) ${ordinal}(?:,? \\d{4})?|(?:${months}),? \\d{4}`,
].join("|");
/** Times that would be other words without `in`, `since` or their like before them. */
const time = `(${sure}|(?:mon|tues|wednes|thurs|fri|satur|sun)day|${months}|20\\d\\d)`;
const count = "(\\d+(?:\\.\\d+)?|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve)";
const number = "([+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[+-]?\\d+)?%?)";
const span = "(seconds?|secs?|s|minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|w|months?|years?)";
/** One word, or two that are one name: `learning rate`. */
const name = "((?:[a-z_][\\w./-]* )?[a-z_][\\w./-]*)";
const more = "over|above|more than|greater than|higher than|larger than|bigger than|exceeding|longer than|>";
const less = "under|below|less than|lower than|smaller than|fewer than|shorter than|<";
const signs = `(${more}|${less}|at least|no less than|>=|at most|up to|no more than|<=)`;

const words: Record<string, number> = {
  ...{
    a: 1,
    an: 1,
    one: 1,
    two: 2,
    three: 3,
    four: 4,
    five: 5,
    six: 6,
    seven: 7,
    eight: 8,
    nine: 9,
    ten: 10,
    twelve: 12,
  },
};
const countOf = (text: string) => words[text] ?? Number(text);

/** `3 days` → `3d`. */
function lengthText(amount: string, unit: string): string {
  const letter = /^mo/.test(unit) ? "mo" : (unit[0] ?? "d");
  return `${countOf(amount)}${letter}`;
}

function signOf(text: string): string {
  if (text === "at least" || text === "no less than" || text === ">=") return ">=";
  if (text === "at most" || text === "up to" || text === "no more than" || text === "<=") return "<=";
  return new RegExp(`^(?:${more})$`).test(text) ? ">" : "<";
}

/** `last week` → `last-week`, `3rd of march 2026` → `3-march-2026`. */
function timeText(text: string): string {
  if (text === "overnight") return "last-night";
  const day = /^last (\w+day)$/.exec(text);
  return (day?.[1] ?? text).replace(" of ", " ").replaceAll(/,/g, "").replaceAll(" ", "-");
}

function daysAgo(amount: string, unit: string, { present }: EnglishContext): string {
  const back = countOf(amount);
  const now = wallClock(present, present.nowMs);
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  const show = (ms: number) => wallClock(present, ms).toISOString().slice(0, 10);
  if (unit.startsWith("month")) return `at:${show(localMs(present, year, month - back)).slice(0, 7)}`;
  if (unit.startsWith("year")) return `at:${year - back}`;
  if (!unit.startsWith("w")) return `at:${show(localMs(present, year, month, day - back))}`;
  const monday = day - ((now.getUTCDay() + 6) % 7) - 7 * back;
  return `since:${show(localMs(present, year, month, monday))} until:${show(localMs(present, year, month, monday + 6))}`;
}

/** The known name that the words spell, longest first: `learning rate` is `learning_rate`; null where there is none. */
function known(text: string, context: Pick<EnglishContext, "isName">): string | null {
  const joined = text.trim().replaceAll(" ", "_");
  return context.isName(joined) ? joined : null;
}

const say = (text: string) => () => text;
const rule = (about: string, pattern: string, read: EnglishRule["read"]): EnglishRule => ({
  about,
  pattern: new RegExp(`^(?:${pattern})(?= |$)`),
  read,
});
/** A rule about a name of one or two words; tried with both. */
const nameRule = (
  about: string,
  pattern: (name: string) => string,
  read: (name: string, match: RegExpExecArray, context: EnglishContext) => string | null,
): EnglishRule[] =>
  [name, "([a-z_][\\w./-]*)"].map((spelled) =>
    rule(about, pattern(spelled), (match, context) => {
      const found = known(match.groups?.name ?? match[1] ?? "", context);
      return found === null ? null : read(found, match, context);
    }),
  );

const nouns = "runs?|experiments?|jobs?|trainings?|ones";
const has =
  "notes?|hypothes[ie]s|verdicts?|outcomes?|annotations?|metrics?|artifacts?|tags?|groups?|lessons?|next steps?";
const hasField = (word: string) =>
  word.startsWith("hypothes") ? "hypothesis" : word.startsWith("lesson") ? "learned" : word.replace(/ ?steps?$|s$/, "");

const timeRules: EnglishRule[] = [
  rule(
    "since / after / from a time",
    `(?:since|starting|from) ${time} (?:to|until|till|through) ${time}`,
    (m) => `since:${timeText(m[1] ?? "")} until:${timeText(m[2] ?? "")}`,
  ),
  rule(
    "between two times",
    `between ${time} and ${time}`,
    (m) => `since:${timeText(m[1] ?? "")} until:${timeText(m[2] ?? "")}`,
  ),
  rule("since a time", `since ${time}`, (m) => `since:${timeText(m[1] ?? "")}`),
  rule("since so long ago", `since ${count} ${span} ago`, (m) => `since:${lengthText(m[1] ?? "", m[2] ?? "")}`),
  rule("after a time", `after ${time}`, (m) => `after:${timeText(m[1] ?? "")}`),
  rule("until a time", `(?:until|till|up to) ${time}`, (m) => `until:${timeText(m[1] ?? "")}`),
  rule("before a time", `before ${time}`, (m) => `before:${timeText(m[1] ?? "")}`),
  rule("older than", `older than ${count} ${span}`, (m) => `before:${lengthText(m[1] ?? "", m[2] ?? "")}`),
  rule("newer than", `(?:newer|younger) than ${count} ${span}`, (m) => `since:${lengthText(m[1] ?? "", m[2] ?? "")}`),
  rule(
    "the last so long",
    `(?:in |over |during |within )?(?:the )?(?:last|past) ${count} ${span}`,
    (m) => `since:${lengthText(m[1] ?? "", m[2] ?? "")}`,
  ),
  rule(
    "the past hour, day, week",
    `(?:in |over |during )?(?:the )?(?:past (hour|day|week|month|year)|last (hour|day))`,
    (m) => `since:${lengthText("1", m[1] ?? m[2] ?? "")}`,
  ),
  rule("so long ago", `(?:from )?${count} (days?|weeks?|months?|years?) ago`, (m, context) =>
    daysAgo(m[1] ?? "", m[2] ?? "", context),
  ),
  rule("ended at a time", `(?:ended|finished) (?:on |in |during )?(${sure})`, (m) => `ended:${timeText(m[1] ?? "")}`),
  rule("in, on, during a time", `(?:in|on|during|of|from) ${time}`, (m) => `at:${timeText(m[1] ?? "")}`),
  rule("a time by itself", `(${sure})`, (m) => `at:${timeText(m[1] ?? "")}`),
];

const failureRules: EnglishRule[] = [
  rule(
    "out of GPU memory",
    "(?:ran )?out of gpu memory|gpu ooms?|(?:cuda|gpu) out of memory|cuda ooms?",
    say("failure:gpu_oom"),
  ),
  rule("out of memory", "(?:ran |running )?out of memory|ooms?|oomed|oom(?:-| )killed", say("failure:oom,gpu_oom")),
  rule("timed out", "(?:that |which )?(?:timed out|timeouts?|ran out of time)", say("failure:timeout")),
  rule("disk full", "(?:disk full|full disks?|out of disk(?: space)?)", say("failure:disk_full")),
  rule("code errors", "code errors?|bugs?", say("failure:code_error")),
  rule("data errors", "data errors?", say("failure:data_error")),
  rule("environment errors", "(?:environment|import) errors?", say("failure:environment_error")),
  rule("lost workers", "lost workers?|workers? lost", say("failure:worker_lost")),
];

const stateRules: EnglishRule[] = [
  rule(
    "without something",
    `(?:without|with no|no|lacking|missing) (?:an? |any )?(${has})`,
    (m) => `-has:${hasField(m[1] ?? "")}`,
  ),
  rule(
    "with something",
    `(?:with|having|that have|which have) (?:an? |any |some )?(${has})`,
    (m) => `has:${hasField(m[1] ?? "")}`,
  ),
  rule(
    "not reviewed",
    "unreviewed|unconcluded|not (?:reviewed|concluded)(?: yet)?",
    say("status:completed,failed -has:verdict"),
  ),
  rule("refuted", "(?:refuted|refuting|disproved|disproven)(?: hypothes[ie]s)?", say("verdict:refutes")),
  rule("validated", "(?:validated|validating|confirmed|supported)(?: hypothes[ie]s)?", say("verdict:validates")),
  rule("inconclusive", "inconclusive|undecided", say("verdict:inconclusive")),
  rule("failed", "(?:that |which )?(?:failed|failing|fails|crashed|crashing|failures|died)", say("status:failed")),
  rule("completed", "(?:that |which )?(?:completed|finished|succeeded|successful|worked)", say("status:completed")),
  rule("running", "(?:still |currently )?(?:running|active|in progress)", say("status:running,starting")),
  rule("waiting", "queued|waiting|pending", say("status:queued")),
  rule("cancelled", "(?:cancell?ed|stopped|aborted)", say("status:cancelled")),
  rule("held", "held|on hold", say("is:held")),
  rule("damaged", "damaged", say("is:damaged")),
];

const shapeRules: EnglishRule[] = [
  rule("on a GPU", "(?:on |using )?(?:the )?(gpu ?#?(\\d+))", (m, { isLabel }) =>
    isLabel("host", m[1] ?? "") ? null : `gpu:${m[2]}`,
  ),
  rule("without a GPU", "(?:without (?:an? )?gpus?|no gpus?|cpu[- ]only|on (?:the )?cpu)", say("gpus:0")),
  rule("with so many GPUs", `(?:with |on |using )?${count} gpus`, (m) => `gpus:${countOf(m[1] ?? "")}`),
  rule(
    "on a GPU model",
    "(?:on )?(?:an? |the )?([ahvltpb]\\d{2,3}|rtx ?\\d+\\w*|gtx ?\\d+\\w*)s?",
    (m, { isGpuModel }) => {
      const part = m[1] ?? "";
      return isGpuModel(part) ? `gpu_model~${part.includes(" ") ? `"${part}"` : part}` : null;
    },
  ),
  rule(
    "how long it ran",
    `(?:that |which )?(?:ran |run |running |took |taking |lasted |lasting )?(?:for )?${signs} ${count} ?${span}`,
    (m) => `runtime${signOf(m[1] ?? "")}${lengthText(m[2] ?? "", m[3] ?? "")}`,
  ),
  rule(
    "how long it waited",
    `(?:that |which )?waited (?:for )?${signs} ${count} ?${span}`,
    (m) => `waited${signOf(m[1] ?? "")}${lengthText(m[2] ?? "", m[3] ?? "")}`,
  ),
  rule(
    "how much memory it used",
    `(?:using |used |with )?${signs} ${number} ?gb (?:of )?(gpu memory|vram|memory|ram)`,
    (m) => `${/gpu|vram/.test(m[3] ?? "") ? "gpu_memory_peak" : "ram_peak"}${signOf(m[1] ?? "")}${m[2]}GB`,
  ),
  rule("longest, shortest", "(longest|slowest|shortest|fastest|quickest)(?: running)?", (m) =>
    /longest|slowest/.test(m[1] ?? "") ? "sort:-runtime" : "sort:runtime",
  ),
  rule(
    "the newest so many",
    `(?:the )?(?:newest|latest|most recent|last) (\\d+)(?= (?:${nouns}))`,
    (m) => `limit:${m[1]} sort:newest`,
  ),
  rule("newest, oldest", "(newest|latest|most recent|oldest|earliest)", (m) =>
    /old|earl/.test(m[1] ?? "") ? "sort:oldest" : "sort:newest",
  ),
  rule(
    "most energy, memory, disk",
    "most (energy|gpu memory|memory|disk)",
    (m) =>
      `sort:-${{ energy: "energy", "gpu memory": "gpu_memory_peak", memory: "ram_peak", disk: "size" }[m[1] ?? ""]}`,
  ),
];

const peopleRules: EnglishRule[] = [
  rule("mine", "(?:my|mine|by me|of mine|i (?:ran|queued|started))", say("user:me")),
  rule("somebody's", "(?:by|of|from) ([\\w.@-]+)|([\\w.@-]+?)['’]s", (m, { isLabel }) => {
    const who = m[1] ?? m[2] ?? "";
    return isLabel("user", who) ? `user:${who}` : null;
  }),
  rule("tagged", "(?:tagged|with (?:the )?tag|tag) ([^ ]+)", (m) => `tag:${m[1]}`),
  rule("in a group", "(?:in |of |from )?(?:the )?group ([^ ]+)", (m) => `group:${m[1]}`),
  rule("in a group", "(?:in|of|from) (?:the )?([^ ]+)(?: (?:group|sweep|series))?", (m, { isLabel }) =>
    isLabel("group", m[1] ?? "") ? `group:${m[1]}` : null,
  ),
  rule("in a project", "(?:in |of |from )?(?:the )?project ([^ ]+)", (m) => `project:${m[1]}`),
  rule("on a branch", "(?:on |from )?branch ([^ ]+)", (m) => `branch:${m[1]}`),
  rule("on a dataset", "(?:trained )?(?:on|with|using) (?:the )?(?:dataset )?([^ ]+)(?: dataset)?", (m, { isLabel }) =>
    isLabel("dataset", m[1] ?? "") ? `dataset:${m[1]}` : null,
  ),
  rule("on a host", "on (?:the )?(?:host |machine )?([^ ]+)", (m, { isLabel }) =>
    isLabel("host", m[1] ?? "") ? `host:${m[1]}` : null,
  ),
  rule(
    "of a script",
    "(?:of |with |using |from )?(?:the )?(?:script )?([\\w./-]+\\.(?:py|sh|jl|r|js|ts))",
    (m) => `script:${m[1]}`,
  ),
  rule("with a package", "(?:with |using )?(?:the )?package ([^ ]+)", (m) => `package:${m[1]}`),
  rule(
    "what notes, hypotheses, logs say",
    "(?:whose |with |in )?(?:an? |the )?(notes?|hypothes[ie]s|outcomes?|logs?|errors?|commands?|annotations?) (?:about|mentioning|mentions?|containing|contains?|saying|says?) ([^ ]+)",
    (m) => `${hasField(m[1] ?? "")}~${m[2]}`,
  ),
];

const metricRules: EnglishRule[] = [
  ...nameRule(
    "the best so many by a metric",
    (spelled) =>
      `(?:the )?(?:top|best) (?<n>\\d+) (?:(?:${nouns}) )?(?:by |on |for |in |of )?(?:the )?(?<name>${spelled})`,
    (found, m) => `limit:${m.groups?.n} sort:best:${found}`,
  ),
  ...nameRule(
    "the best by a metric",
    (spelled) => `(?:the )?best (?:(?:${nouns}) )?(?:by |on |for |in |of )?(?:the )?(?<name>${spelled})`,
    (found) => `sort:best:${found}`,
  ),
  ...nameRule(
    "the worst by a metric",
    (spelled) => `(?:the )?worst (?:(?:${nouns}) )?(?:by |on |for |in |of )?(?:the )?(?<name>${spelled})`,
    (found) => `sort:worst:${found}`,
  ),
  ...nameRule(
    "highest",
    (spelled) => `(?:the )?(?:highest|largest|greatest|maximum|max) (?<name>${spelled})`,
    (found) => `sort:-${found}`,
  ),
  ...nameRule(
    "lowest",
    (spelled) => `(?:the )?(?:lowest|smallest|minimum|min|least) (?<name>${spelled})`,
    (found) => `sort:${found}`,
  ),
  ...nameRule(
    "sorted by",
    (spelled) => `(?:sorted|ordered|ranked) by (?<name>${spelled})`,
    (found, _, { isMetric }) => `sort:${isMetric(found) ? `best:${found}` : found}`,
  ),
  ...nameRule(
    "between two numbers",
    (spelled) =>
      `(?:with |where |whose )?(?:an? |the )?(?<name>${spelled}) (?:of |is |was )?(?:between|from) (?<low>${number}) (?:and|to) (?<high>${number})`,
    (found, m) => `${found}:${m.groups?.low}..${m.groups?.high}`,
  ),
  ...nameRule(
    "better than",
    (spelled) =>
      `(?:with |where |whose )?(?:an? |the )?(?<name>${spelled}) (?:is |was )?(?<how>better|worse) than (?<value>${number})`,
    (found, m, { lessIsBetter }) =>
      `${found}${lessIsBetter(found) === (m.groups?.how === "better") ? "<" : ">"}${m.groups?.value}`,
  ),
  ...nameRule(
    "more or less than a number",
    (spelled) =>
      `(?:with |where |whose )?(?:an? |the )?(?<name>${spelled}) (?:of |is |was |at |were )?(?<sign>${signs}) ?(?<value>${number})`,
    (found, m) => `${found}${signOf(m.groups?.sign ?? "")}${m.groups?.value}`,
  ),
  ...nameRule(
    "not a number",
    (spelled) => `(?:with |where |whose )?(?:an? |the )?(?:nan (?<name>${spelled}))`,
    (found) => `${found}:NaN`,
  ),
  ...nameRule(
    "a number",
    (spelled) =>
      `(?:with |where |whose |using )?(?:an? |the )?(?<name>${spelled}) (?:of |is |was |equal to |equals |= ?)?(?<value>${number})`,
    (found, m) => `${found}:${m.groups?.value}`,
  ),
  ...nameRule(
    "a value",
    (spelled) =>
      `(?:with |where |whose |using )?(?:an? |the )?(?<name>${spelled}) (?:of |is |was |= ?)?(?<value>[^ ]+)`,
    (found, m, { isValue }) => (isValue(found, m.groups?.value ?? "") ? `${found}:${m.groups?.value}` : null),
  ),
];

export const englishRules: readonly EnglishRule[] = [
  ...timeRules,
  ...failureRules,
  ...stateRules,
  ...shapeRules,
  ...metricRules,
  ...peopleRules,
];

/** Words that say nothing by themselves. Dropped where they are not in quotes. */
export const fillerWords: ReadonlySet<string> = new Set(
  `a an the of in on with for from to at by as and also but i we me us our you it its they them their this that these those
   which who whose what where when is are was were be been has have had having do did does got get gets give show list find
   search please all any every each some there runs run experiment experiments job jobs training trainings ones using used
   use about mentioning than then so because due just only`.split(/\s+/),
);
