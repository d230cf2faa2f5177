/**
 * How far a script is, by its own words: the end of its output, read as a terminal would show it, gives `epoch 45/100`.
 * Understood are epoch and step counters, tqdm (Hugging Face, Lightning, Ultralytics), Keras, rich, fastprogress and
 * plain percentages; docs name them all. It is pure, and no estimator: a time left is here only where the script says
 * so (`etaFrom` is the caller's own guess). Rather no progress than a wrong one: a fraction of a date, a share or an
 * accuracy is none, and a bar that is only one of an unknown number gives no fraction of the whole.
 * Invariant: 0 <= fraction <= 1, done <= total, and the work is linear in the tail, of which the last 64 Ki are read.
 */

export interface Progress {
  /** The numbers of the script's outermost counter, as it counts them; null where it gives a percentage alone. */
  done: number | null;
  total: number | null;
  /** Of the whole run, 0 to 1: inner bars count as a part of their epoch. Null where the whole is unknown. */
  fraction: number | null;
  /** What is counted, in the script's word: `epoch`, `step`, `it`, `MB`; null where it has none. */
  unit: string | null;
  /** Seconds until the end of the run, where the script's own text says or implies it. */
  etaSeconds: number | null;
  /** For people: `epoch 3/10, 45/469`. */
  text: string;
}

/** One counter or bar. `label` is what stands before it; `repeats` says that a run has many of its kind, as in Keras. */
interface Bar {
  done: number | null;
  total: number | null;
  fraction: number | null;
  unit: string | null;
  elapsedSeconds: number | null;
  etaSeconds: number | null;
  label: string;
  repeats: boolean;
}
/** `bare`: nothing else is on its line, so it may be a heading. `from`: what the script calls its first epoch. */
interface Epoch {
  at: number;
  total: number | null;
  bare: boolean;
  from: 0 | 1;
  etaSeconds: number | null;
}
interface Said {
  epoch: Epoch | null;
  bar: Bar | null;
}
/** `nested`: the cursor went up from here, as tqdm and rich do to keep an outer bar above this one. */
interface Row {
  text: string;
  nested: boolean;
}

/** As much of the output as is worth handing to `parseProgress`: a Keras heading is 400 redrawn bars before the last. */
export const PROGRESS_TAIL_BYTES = 64 * 1024;
const ROWS_READ = 400;
const ROW_CHARS = 1000;
/** Rows above the tail's first that a cursor may reach: nested bars, of which the tail begins in the middle. */
const ROWS_ABOVE = 50;

/** Seconds left if the rest goes as fast as what is done; null where that cannot be said. */
export function etaFrom(fraction: number | null, elapsedSeconds: number): number | null {
  if (fraction === null || !(fraction > 0 && fraction <= 1) || !(elapsedSeconds >= 0)) return null;
  return (elapsedSeconds * (1 - fraction)) / fraction;
}

/** The latest progress in the end of a script's output (both streams, colours and all); null where there is none. */
export function parseProgress(tail: string): Progress | null {
  const rows = screenRows(tail.slice(-PROGRESS_TAIL_BYTES)).filter((row) => row.text.trim() !== "");
  const from = Math.max(0, rows.length - ROWS_READ);
  const said = rows.slice(from).map((row) => readRow(row.text));
  const latest = said.findLastIndex((row) => row !== null);
  const found = said[latest];
  if (!found) return null;
  const above = said.slice(0, latest);
  if (found.epoch) return describeEpoch(found.epoch, found.bar, above);
  return found.bar && describeBar(found.bar, above, rows[from + latest]?.nested === true, latest < said.length - 1);
}

function describeEpoch(epoch: Epoch, bar: Bar | null, above: readonly (Said | null)[]): Progress {
  const { at, total } = epoch;
  const inner = bar === null ? "" : `, ${describeCount(bar)}`;
  if (total === null) {
    const counted = { done: bar?.done ?? null, total: bar?.total ?? null, unit: bar?.unit ?? null };
    return { ...counted, fraction: null, etaSeconds: epoch.etaSeconds, text: `epoch ${at}${inner}` };
  }
  const epochs = epoch.from === 0 && bar ? total + 1 : total;
  const before = Math.max(0, at - epoch.from);
  // A bare `Epoch 3/10` among bars is Keras's heading: the third begins. Else the line says that the third is done.
  const part = bar ? bar.fraction : epoch.bare && above.some((row) => row?.bar?.repeats) ? 0 : at - before;
  const fraction = part === null ? null : Math.min(1, (before + part) / epochs);
  const etaSeconds = bar ? etaOverEpochs(bar, epochs - before - 1) : epoch.etaSeconds;
  return { done: at, total, fraction, unit: "epoch", etaSeconds, text: `epoch ${at}/${total}${inner}` };
}

/** An epoch's time left, and as much as it takes for each that follows; null where whole seconds are too coarse for it. */
function etaOverEpochs(bar: Bar, following: number): number | null {
  if (bar.elapsedSeconds === null || bar.etaSeconds === null) return null;
  const epochSeconds = bar.elapsedSeconds + bar.etaSeconds;
  return epochSeconds < 10 ? null : bar.etaSeconds + Math.max(0, following) * epochSeconds;
}

function describeBar(bar: Bar, above: readonly (Said | null)[], nested: boolean, over: boolean): Progress | null {
  let repeats = bar.repeats;
  for (const row of above.toReversed()) {
    if (row?.epoch) return describeBarBelow(row.epoch, row.bar, bar);
    const outer = row?.bar;
    if (!outer) continue;
    if (nested && outer.fraction !== null && outer.fraction < 1) return describeNested(outer, bar);
    if (outer.fraction === 1 && outer.total === bar.total && outer.label === bar.label) repeats = true;
  }
  if (bar.fraction === 1 && over) return null; // it is done, and the script has gone on to something else
  const { done, total, unit } = bar;
  const whole = repeats ? { fraction: null, etaSeconds: null } : { fraction: bar.fraction, etaSeconds: bar.etaSeconds };
  return { done, total, unit, ...whole, text: describeCount(bar) };
}

/** A bar under a line about an epoch: within it where that line is a heading, in the next where it gives results. */
function describeBarBelow(epoch: Epoch, ownBar: Bar | null, bar: Bar): Progress {
  // The epoch has a bar of its own, and this is another one (validation): what counts is the epoch's.
  if (ownBar !== null || epoch.total === null) return describeEpoch(epoch, ownBar, []);
  if (epoch.bare) return describeEpoch(epoch, bar, []);
  if (epoch.at >= epoch.total) return describeEpoch(epoch, null, []);
  return describeEpoch({ ...epoch, at: epoch.at + 1 }, bar, []);
}

function describeNested(outer: Bar, inner: Bar): Progress {
  const { done, total, unit, etaSeconds } = outer;
  const part = total === null ? 0 : (inner.fraction ?? 0) / total;
  const fraction = Math.min(1, (outer.fraction ?? 0) + part);
  return { done, total, fraction, unit, etaSeconds, text: `${describeCount(outer)}, ${describeCount(inner)}` };
}

function describeCount({ done, total, fraction, unit }: Bar): string {
  if (done === null) return `${Number(((fraction ?? 0) * 100).toFixed(1))}%`;
  const word = unit !== null && spokenUnits.has(unit) ? `${unit} ` : "";
  return `${word}${shortNumber(done)}${total === null ? "" : `/${shortNumber(total)}`}`;
}

/** From ten million on in millions, with three digits. */
const shortNumber = (value: number) => (value < 1e7 ? `${value}` : `${Number((value / 1e6).toPrecision(3))}M`);

// The screen

const terminalToken =
  /\x1b\[([\d;?]*)([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[^[\]]|\r|\n|[\x00-\x08\x0b-\x1b]|([^\x00-\x08\x0a-\x1b]+)/g;

/** The rows that a terminal of endless height would show; colours and other escapes leave no trace. */
function screenRows(output: string): Row[] {
  const rows: Row[] = [{ text: "", nested: false }];
  let above = 0;
  let at = 0;
  let column = 0;
  for (const [whole, parameter = "", command, text] of output.matchAll(terminalToken)) {
    const row = rows[at] as Row;
    if (text !== undefined) {
      const kept = text.slice(0, Math.max(0, ROW_CHARS - column));
      row.text = row.text.slice(0, column).padEnd(column) + kept + row.text.slice(column + kept.length);
      column += kept.length;
    } else if (whole === "\r") {
      column = 0;
    } else if (whole === "\n") {
      at += 1;
      column = 0;
      if (at === rows.length) rows.push({ text: "", nested: false });
    } else if (command === "A") {
      row.nested = true;
      at -= Number(parameter) || 1;
      for (; at < 0 && above < ROWS_ABOVE; at += 1, above += 1) rows.unshift({ text: "", nested: false });
      at = Math.max(0, at);
    } else if (command === "B") {
      at = Math.min(rows.length - 1, at + (Number(parameter) || 1));
    } else if (command === "K") {
      row.text = parameter === "2" ? "" : row.text.slice(0, column);
    }
  }
  return rows;
}

// The forms, each from the tool's own source or output

const time = String.raw`(?:\d+ ?d(?:ays?)?,? )?\d+:\d\d(?::\d\d)?|(?:\d+ ?[dhm](?:in)? ?)*\d+(?:\.\d+)? ?s(?:ec)?\b`;
/** Two whole numbers, and no date, fraction or version: nothing of the kind may follow. */
const ratio = String.raw`(\d[\d,]*) *(?:\/|of) *(\d[\d,]*)(?![\d./]*\d|\/)`;
const percent = String.raw`(?<![\d.])(\d{1,3}(?:\.\d+)?) ?%`;
const spokenUnits = new Set("step iter iteration batch update episode round trial fold".split(" "));
const unitWord = "(steps?|iter(?:ation)?s?|(?:mini-?)?batch(?:es)?|updates?|episodes?|rounds?|trials?|folds?)";

const forms = {
  /** ` 45%|████▌     | 45/100 [00:12<00:15,  3.6it/s]`; without the bar where there is no room for it. */
  tqdm: new RegExp(
    String.raw`^(.*?)(?:\d{1,3}%)?(?:\|[^|]*\|| ) ?(\d[\d.]*)([kMGT]?)\/(\d[\d.]*|\?)([kMGT]?) \[([\d:]+)<(\?|${time})(?:, *[\d.?]*(?:([a-zA-Z]+)\/s|s\/([a-zA-Z]+)))?`,
  ),
  /** tqdm that knows no total: `45it [00:12,  3.6it/s]`. */
  tqdmEndless: /^(?:(.*): )?(\d+)([a-zA-Z]+) \[[\d:]+, *[\d.?]+(?:[a-zA-Z]+\/s|s\/[a-zA-Z]+)/,
  /** `|███-----| 45.00% [45/100 00:12<00:15 0.41]` */
  fastprogress: /^(.*?)\|?[█-]*\|? ?\d+(?:\.\d+)?% \[(\d+)\/(\d+) ([\d:]+)<([\d:]+)/,
  /** `45/469 [==>...] - ETA: 12s - loss: 0.4`; version 3 `45/469 ━━━━ 12s 26ms/step`; quiet `469/469 - 3s - loss: 0.4`. */
  keras: new RegExp(`^ *(\\d+)\\/(\\d+|Unknown) (?:\\[[=>.]+\\] |━+ |(?=- \\d+m?s\\b))(?:- ETA: )?(${time})?`),
  /** rich, pip, wget, click, progressbar2, alive-progress: a line, or something filled between brackets. */
  drawnBar: /^(.*?)(?:[━╸╺]{5,}|[[|](?=[^\])|]*[#=>█▉▊▋▌▓■*])[#=>█▉▊▋▌▍▎▏▓■*\-.░□ ]{5,}[\])|])(.*)$/,
  drawnRatio: /^ *(\d[\d.]*)(?: ?([kMGT]i?B))? ?\/ ?(\d[\d.]*)(?: ?([kMGT]?i?B)\b)?/,
  ratioBefore: /\((\d+) of (\d+)\) *$/,
  percentAfter: new RegExp(`^[ [(]*${percent}`),
  percentBefore: new RegExp(`${percent} *$`),
  clock: /(?<![\d:])\d+:\d\d:\d\d(?![\d:])/g,
  epochOfMany: new RegExp(String.raw`(?<![a-z])epochs? ?[:#=]? ?[[(]? *${ratio} ?[\])]?`, "i"),
  manyEpochs: new RegExp(String.raw`(?<![\d./])${ratio} epochs?\b`, "i"),
  /** `Train Epoch: 1 [640/60000 (1%)]`, `Epoch: [3]  [ 450/5000]`, `epoch 003:  45 / 100`: of how many is not said. */
  epochThenRatio: new RegExp(
    String.raw`(?<![a-z])epoch(\(\w+\))? ?:? ?(?:\[(\d+)\] *|(\d+) *(?=[:[]))[:[]? *\[? *${ratio}`,
    "i",
  ),
  epochInLabel: /(?<![a-z])epoch ?[:#]? ?(\d+)\b/i,
  /** Ultralytics: `      3/100      2.38G      1.02 …: 45%|████▌ |`. */
  epochAndMemory: /^ *(\d+)\/(\d+) +\d+(?:\.\d+)?G /,
  ratioNext: new RegExp(String.raw`^[\s,:|\]-]*\[? *${ratio}`),
  wordThenRatio: new RegExp(String.raw`(?<![a-z])${unitWord}(?:\(\w+\))? ?[:#=]? ?[[(]? *${ratio}`, "i"),
  ratioThenWord: new RegExp(String.raw`(?<![\d./])${ratio} ${unitWord}\b`, "i"),
  leadingRatio: /^ *\[ *(\d+) ?\/ ?(\d+) *\]/,
  percentAlone: new RegExp(String.raw`^[\s([]*${percent}[\s)\].]*$`),
  percentDone: new RegExp(String.raw`${percent} (?:done|completed?|finished|processed)\b`, "i"),
  percentNamed: new RegExp(String.raw`\bprogress ?[:=]? ?[[(]?${percent}`, "i"),
  eta: new RegExp(String.raw`\b(?:eta|remaining|time left) *[:=]? *\[?(${time})|(${time}) (?:remaining|left)\b`, "i"),
  /** What loggers put first: `2026-11-23 18:00:00,123 - INFO - `, `[INFO] `. */
  logPrefix:
    /^(?:\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d[^ \]]*\]? *)?(?:[-|: ]*[[(]?\b(?:INFO|DEBUG)\b[\])]?[-|: ]*)?/,
};

function readRow(raw: string): Said | null {
  if (!/[/%]|\d of \d|[a-z] \[\d/.test(raw)) return null;
  const text = raw.replaceAll("\t", " ").replace(forms.logPrefix, "");
  const bar = readTqdm(text) ?? readKeras(text) ?? readDrawn(text);
  const epoch = readEpoch(text, bar) ?? readEpochOfUnknown(text, bar);
  if (epoch) return epoch;
  const alone = bar ?? readCounter(text) ?? readPercent(text);
  return alone && { epoch: null, bar: alone };
}

function readEpoch(text: string, bar: Bar | null): Said | null {
  const match = forms.epochOfMany.exec(text) ?? forms.manyEpochs.exec(text) ?? (bar && forms.epochAndMemory.exec(text));
  if (!match) return null;
  const [at, total] = [toNumber(match[1]), toNumber(match[2])];
  if (total === 0 || at > total) return null;
  const rest = text.slice(match.index + match[0].length);
  const next = forms.ratioNext.exec(rest);
  const inner = bar ?? readCounter(rest) ?? (next && toBar({ done: next[1], total: next[2] }));
  const bare = inner === null && /^[\s:.\-=*|]*$/.test(rest);
  const from = at === 0 || (bar !== null && text.includes("━")) ? 0 : 1; // Lightning's rich bar counts 0/9 to 9/9
  return { epoch: { at, total, bare, from, etaSeconds: readEta(text) }, bar: inner };
}

function readEpochOfUnknown(text: string, bar: Bar | null): Said | null {
  const named = { total: null, bare: false, from: 0 } as const;
  if (bar) {
    const label = forms.epochInLabel.exec(bar.label);
    return label && { epoch: { ...named, at: toNumber(label[1]), etaSeconds: null }, bar };
  }
  const match = forms.epochThenRatio.exec(text);
  const inner = match && toBar({ done: match[4], total: match[5] });
  if (!match || !inner) return null;
  // The eta of MMEngine's `Epoch(train) [3][450/5000]` is the whole run's; the others' is the epoch's.
  const etaSeconds = match[1] === undefined ? null : readEta(text);
  return { epoch: { ...named, at: toNumber(match[2] ?? match[3]), etaSeconds }, bar: inner };
}

function readTqdm(text: string): Bar | null {
  const fast = forms.fastprogress.exec(text);
  if (fast) return toBar({ label: fast[1], done: fast[2], total: fast[3], elapsed: fast[4], eta: fast[5] });
  const endless = forms.tqdmEndless.exec(text);
  if (endless) return toBar({ label: endless[1], done: endless[2], unit: endless[3] });
  const match = forms.tqdm.exec(text);
  if (!match) return null;
  const [, label, done = "", doneScale = "", total = "", totalScale = "", elapsed, eta, unit, slowUnit] = match;
  const ends = { done: done + doneScale, total: total === "?" ? undefined : total + totalScale };
  return toBar({ label, ...ends, elapsed, eta, unit: unit ?? slowUnit });
}

function readKeras(text: string): Bar | null {
  const match = forms.keras.exec(text);
  if (!match) return null;
  const [whole, done, total, eta] = match;
  if (!/[[━]/.test(whole) && total !== "Unknown" && total !== done) return null; // quiet: only when it is over
  const bar = toBar({ done, total: total === "Unknown" ? undefined : total, unit: "step", eta });
  return bar && { ...bar, repeats: true };
}

function readDrawn(text: string): Bar | null {
  const match = forms.drawnBar.exec(text);
  if (!match) return null;
  const [, label = "", after = ""] = match;
  const clocks = after.match(forms.clock) ?? [];
  const times = {
    elapsed: clocks.length > 1 ? clocks[0] : undefined,
    eta: forms.eta.exec(after)?.[1] ?? clocks.at(-1),
  };
  const count = forms.drawnRatio.exec(after);
  if (count) return toBar({ label, done: count[1], total: count[3], unit: count[4] ?? count[2], ...times });
  const before = forms.ratioBefore.exec(label);
  if (before) return toBar({ label, done: before[1], total: before[2], ...times });
  const share = forms.percentAfter.exec(after) ?? forms.percentBefore.exec(label);
  return share && toBar({ label, percent: share[1], ...times });
}

function readCounter(text: string): Bar | null {
  const eta = sayEta(text);
  const first = forms.wordThenRatio.exec(text);
  if (first) return toBar({ unit: singular(first[1]), done: first[2], total: first[3], eta });
  const last = forms.ratioThenWord.exec(text);
  if (last) return toBar({ unit: singular(last[3]), done: last[1], total: last[2], eta });
  const leading = forms.leadingRatio.exec(text);
  return leading && toBar({ done: leading[1], total: leading[2], eta });
}

function readPercent(text: string): Bar | null {
  const match = forms.percentAlone.exec(text) ?? forms.percentDone.exec(text) ?? forms.percentNamed.exec(text);
  return match && toBar({ percent: match[1], eta: sayEta(text) });
}

// Words and numbers

type Words = Partial<Record<"label" | "done" | "total" | "percent" | "unit" | "elapsed" | "eta", string | undefined>>;

/** Null where the numbers make no sense together. */
function toBar(words: Words): Bar | null {
  const done = words.done === undefined ? null : toNumber(words.done);
  const total = words.total === undefined ? null : toNumber(words.total);
  const share = words.percent === undefined ? null : Number(words.percent) / 100;
  const fraction = done !== null && total !== null ? done / total : share;
  if (fraction !== null && !(fraction >= 0 && fraction <= 1)) return null;
  const etaSeconds = fraction === 1 ? 0 : toSeconds(words.eta);
  const label = (words.label ?? "").replace(/[\d.]+ ?% *$/, "").trim();
  return {
    done,
    total,
    fraction,
    unit: words.unit ?? null,
    elapsedSeconds: toSeconds(words.elapsed),
    etaSeconds,
    label,
    repeats: false,
  };
}

const scales: Record<string, number> = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** `1200`, `1,200`, `1.2k`. */
function toNumber(text = ""): number {
  return Number.parseFloat(text.replaceAll(",", "")) * (scales[text.at(-1) ?? ""] ?? 1);
}

function singular(word = ""): string {
  return word
    .toLowerCase()
    .replace(/^mini-?/, "")
    .replace(/(?<=batch)es$|s$/, "");
}

const sayEta = (text: string): string | undefined =>
  forms.eta
    .exec(text)
    ?.slice(1)
    .find((part) => part !== undefined);
const readEta = (text: string): number | null => toSeconds(sayEta(text));

/** `12s`, `00:15`, `1:02:03`, `2 days, 1:02:03`, `1h 2m 3s`; null for the rest, as tqdm's `?`. */
function toSeconds(text: string | undefined): number | null {
  const clock = /^(?:(\d+) ?d\D* )?(?:(\d+):)?(\d+):(\d+)$/.exec(text ?? "");
  const words = clock ?? /^(?:(\d+) ?d\D*)?(?:(\d+) ?h ?)?(?:(\d+) ?m\D*)?(\d+(?:\.\d+)?) ?s\w*$/.exec(text ?? "");
  if (words === null) return null;
  const [days, hours, minutes, seconds] = words.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
  ];
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}
