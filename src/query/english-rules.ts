/**
 * The rules by which plain English is read, in the order in which they are tried at each word. Each is a pattern over
 * the words from there on, lower case, one space between them; what it gives is query text. No rule guesses: a name
 * counts only where there is such a metric, parameter, user, tag or dataset. docs/find.md lists them all.
 */
import {
  count,
  countOf,
  type EnglishRule,
  lengthText,
  nameRule,
  number,
  rule,
  say,
  signOf,
  signs,
  span,
} from "./english-rule.ts";
import { timeRules } from "./english-times.ts";

const nouns = "runs?|experiments?|jobs?|trainings?|ones";
const has =
  "notes?|hypothes[ie]s|verdicts?|outcomes?|annotations?|metrics?|artifacts?|tags?|groups?|lessons?|next steps?";
const hasField = (word: string) =>
  word.startsWith("hypothes") ? "hypothesis" : word.startsWith("lesson") ? "learned" : word.replace(/ ?steps?$|s$/, "");

const failureRules: EnglishRule[] = [
  rule(
    "out of GPU memory",
    "(?:ran )?out of gpu memory|gpu ooms?|(?:cuda|gpu) out of memory|cuda ooms?",
    say("failure:gpu_oom"),
  ),
  rule("out of memory", "(?:ran |running )?out of memory|ooms?|oomed|oom(?:-| )killed", say("failure:oom,gpu_oom")),
  rule(
    "timed out",
    "(?:that |which )?(?:timed out|timeouts?|ran out of time|(?:killed|stopped|ended) (?:by|at) (?:a |the |its |their )?(?:timeouts?|time limits?)|(?:hit|reached|exceeded|exceeding|over) (?:a |the |its |their )?time limits?)",
    say("failure:timeout"),
  ),
  rule(
    "killed by the kernel",
    "(?:that |which )?(?:was |were )?killed by (?:the )?(?:kernel|oom(?:[- ]killer)?)",
    say("failure:oom"),
  ),
  rule(
    "an exit code",
    "(?:that |which )?(?:with |and )?(?:an? |the )?(?:exit(?:ed)?|return(?:ed)?) (?:with )?(?:an? )?(?:exit )?(?:code |status )?(?:of |is |was )?(\\d+)",
    (m) => `exit:${m[1]}`,
  ),
  rule("an exit code other than 0", "(?:with )?(?:an? )?non-?zero exit(?: code| status)?", say("exit:* -exit:0")),
  rule("disk full", "(?:disk full|full disks?|out of disk(?: space)?)", say("failure:disk_full")),
  rule("code errors", "code errors?|bugs?", say("failure:code_error")),
  rule("data errors", "data errors?", say("failure:data_error")),
  rule("environment errors", "(?:environment|import) errors?", say("failure:environment_error")),
  rule("lost workers", "lost workers?|workers? lost", say("failure:worker_lost")),
];

const itsHypothesis = "(?: (?:the |its |their |my |our |an? )?(?:hypothes[ie]s|expectations?|ideas?))?";

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
  rule(
    "refuted",
    `(?:that |which )?(?:refuted|refuting|disproved|disproven|refutes)${itsHypothesis}`,
    say("verdict:refutes"),
  ),
  rule(
    "validated",
    `(?:that |which )?(?:validated|validating|validates|confirmed|confirms|supported)${itsHypothesis}`,
    say("verdict:validates"),
  ),
  rule("inconclusive", "(?:inconclusive|undecided)(?: results?)?", say("verdict:inconclusive")),
  rule("partial", "partial(?:ly (?:validated|confirmed|supported))?(?: results?)?", say("verdict:partial")),
  rule("failed", "(?:that |which )?(?:failed|failing|fails|crashed|crashing|failures|died)", say("status:failed")),
  rule("completed", "(?:that |which )?(?:completed|finished|succeeded|successful|worked)", say("status:completed")),
  rule("running", "(?:still |currently )?(?:running|active|in progress)", say("status:running,starting")),
  rule("waiting", "(?:still )?(?:queued|waiting|pending)(?! by )", say("status:queued")),
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

const saying =
  "(?:whose |with |in )?(?:an? |the )?(notes?|hypothes[ie]s|outcomes?|logs?|errors?|commands?|annotations?) (?:about|on|mentioning|mentions?|containing|contains?|saying|says?)";

/** Where `notes mentioning` and its like end the text: where they begin, and the term that they make of a phrase after them. */
export function leadOf(text: string): { at: number; term: string } | null {
  const match = new RegExp(`(?:^| )${saying}$`).exec(text);
  return match === null ? null : { at: match.index, term: `${hasField(match[1] ?? "")}~` };
}

/** Up to four words that are one phrase: they end before a word that begins something else. */
const wordsOfText = (() => {
  const ends =
    "in|on|by|from|since|before|after|until|with|without|of|and|or|but|not|that|which|for|last|this|today|yesterday";
  const one = `(?!(?:${ends})(?: |$))[^ ]+`;
  return `(${one}(?: ${one}){0,3})`;
})();

const peopleRules: EnglishRule[] = [
  rule(
    "mine",
    "(?:my|mine|by me|of mine|i(?: have|'ve)? (?:ran|run|queued|started|submitted|launched|tried)|i was running|was i running|(?:did|have) i (?:run|ran|queued?|started?|submit(?:ted)?|launch(?:ed)?|try|tried|do|done))",
    say("user:me"),
  ),
  rule(
    "one of two people",
    "(?:(?:queued|submitted|started|launched|owned|run) )?(?:by|of|from) ([\\w.@-]+) (?:or|and) ([\\w.@-]+)",
    (m, { isLabel }) => {
      const people = [m[1] ?? "", m[2] ?? ""];
      return people.every((who) => isLabel("user", who)) ? `user:${people.join(",")}` : null;
    },
  ),
  rule(
    "somebody's",
    "(?:(?:queued|submitted|started|launched|owned|run) )?(?:by|of|from) ([\\w.@-]+)|([\\w.@-]+?)['’]s|did ([\\w.@-]+) (?:run|queue|start|submit|try|do)",
    (m, { isLabel }) => {
      const who = m[1] ?? m[2] ?? m[3] ?? "";
      return isLabel("user", who) ? `user:${who}` : null;
    },
  ),
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
  rule("with a version of Python", `(?:with |using |on |under )?python ?(3(?:\\.\\d+)*)`, (m) => `python:${m[1]}*`),
  rule(
    "with a version of a package",
    `(?:with |using |on |under )?([a-z][\\w.-]*) (?:version |v)?(\\d+(?:\\.\\d+)*)(?:\\.x)?`,
    (m, { isLabel }) => (isLabel("package", m[1] ?? "") ? `package:${m[1]}==${m[2]}*` : null),
  ),
  rule("using a package", "using (?:the )?([a-z][\\w.-]*)", (m, { isLabel }) =>
    isLabel("package", m[1] ?? "") ? `package:${m[1]}` : null,
  ),
  rule(
    "what notes, hypotheses, logs say",
    `${saying} (?:the )?${wordsOfText}`,
    (m) => `${hasField(m[1] ?? "")}~${m[2]?.includes(" ") ? `"${m[2]}"` : m[2]}`,
  ),
];

const metricRules: EnglishRule[] = [
  ...nameRule(
    "the best so many by a metric",
    (spelled) =>
      `(?:the )?(?:top|best) (?<n>\\d+) (?:(?:${nouns}) )?(?:by |on |for |in |of )?(?:the )?(?<name>${spelled})`,
    (found, m) => `limit:${m.groups?.n} sort:best:${found}`,
  ),
  rule(
    "the best of some, by a metric",
    `(?:the )?(?:top|best)(?: (\\d+))?(?: (?:${nouns}))?(?= (?:.* )?by ([a-z_][\\w./-]*))`,
    (m, { isMetric }) => (isMetric(m[2] ?? "") ? (m[1] === undefined ? `sort:best:${m[2]}` : `limit:${m[1]}`) : null),
  ),
  ...nameRule(
    "the best by a metric",
    (spelled) => `(?:the )?(?:best|top) (?:(?:${nouns}) )?(?:by |on |for |in |of )?(?:the )?(?<name>${spelled})`,
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
    "by a metric",
    (spelled) => `by (?<name>${spelled})`,
    (found, _, { isMetric }) => (isMetric(found) ? `sort:best:${found}` : null),
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
    (spelled) =>
      `(?:with |where |whose )?(?:an? |the )?(?<name>${spelled}) (?:is |was |became |went |turned |of |= ?)?nan`,
    (found) => `${found}:NaN`,
  ),
  ...nameRule(
    "not a number, said first",
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
   use about mentioning than then so because due just only everything anything result results how many much tell`.split(
    /\s+/,
  ),
);
