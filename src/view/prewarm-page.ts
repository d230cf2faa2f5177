/** What lies on the local disks: copies, what is under way, what was removed for what. And the one line of it in `ml status`. Pure. */
import { formatDuration } from "../core/duration.ts";
import { formatSize } from "../core/size.ts";
import type { Reply } from "../protocol/requests.ts";
import { cutLine, type Face, type Line, span } from "./face.ts";
import { imageLines, imageStatusLines } from "./image-lines.ts";
import { shortId } from "./mark.ts";
import { headedTable, nextSpan, notWarmedLines, pinnedSpans, remark, usedText, warmingLines } from "./prewarm-parts.ts";
import { safeText } from "./safe-text.ts";
import type { Column, Row } from "./table.ts";
import { ago, clockTime } from "./time.ts";
import { venvLines, venvStatusLines } from "./venv-lines.ts";

type List = Reply<"prewarm.list">;
type Store = List["workers"][number];
type Copying = Store["copying"][number];

const columns: readonly Column[] = [
  { name: "copy", least: 8 },
  { name: "version" },
  { name: "size", align: "right" },
  { name: "used", keep: 2 },
  { name: "next", least: 10, keep: 1 },
];

const title = ({ name, version }: { name: string; version: string }) => `${safeText(name)} ${safeText(version)}`;

/** `45 %, 450 MB of 1.0 GB, 12 s left, at 25 % of its speed: its mount is busy`. */
export function copyingText(copying: Copying): string {
  const { done_bytes: done, total_bytes: total, eta_seconds: eta } = copying;
  const share = total > 0 ? `${Math.floor((Math.min(done, total) / total) * 100)} %, ` : "";
  const left = eta === null ? "" : `, ${formatDuration(Math.max(1000, eta * 1000))} left`;
  const speed = copying.speed_share ?? 1;
  const slowed = speed > 0.95 ? "" : `, at ${Math.round(speed * 100)} % of its speed: its mount is busy`;
  return `${share}${formatSize(done)} of ${formatSize(total)}${left}${slowed}`;
}

function copyRow(copy: Store["copies"][number], face: Face): Row {
  return {
    copy: [span(safeText(copy.name), "strong")],
    version: [span(safeText(copy.version))],
    size: [span(formatSize(copy.size_bytes))],
    used: [span(usedText(copy, face), "dim")],
    next: [nextSpan(copy), ...pinnedSpans(copy, face)],
  };
}

function storeLines(store: Store, face: Face): Line[] {
  const limit = store.limit_bytes === null ? "" : ` of ${formatSize(store.limit_bytes)}`;
  const where =
    store.folder === null
      ? "nothing is copied here"
      : `${formatSize(store.used_bytes)}${limit} in ${safeText(store.folder)}`;
  const lines: Line[] = [[span(safeText(store.worker), "strong"), span(`  ${where}`, "dim")]];
  const rows = store.copies.map((copy) => copyRow(copy, face));
  lines.push(...(rows.length > 0 ? headedTable(columns, rows, face) : [[span("  no copies", "dim")]]));
  const say = (text: string, tone: "live" | "warn" | "dim") => lines.push(...remark(text, tone, face));
  if (store.silent_since != null) {
    const since = clockTime(store.silent_since, face.nowMs);
    say(`no answer since ${since}: nothing is copied, and runs read their data where it was registered`, "warn");
  }
  for (const copying of store.copying) {
    const who = copying.for_run === null ? "asked for" : `for ${shortId(copying.for_run)}`;
    say(`copying ${title(copying)} ${who}: ${copyingText(copying)}`, "live");
  }
  for (const failed of store.failed) say(`not copied: ${title(failed)}: ${safeText(failed.reason)}`, "warn");
  for (const gone of store.evicted.slice(0, 5))
    say(
      `removed ${title(gone)} (${formatSize(gone.size_bytes)}) ${ago(gone.at, face.nowMs) ?? ""} for ${safeText(gone.for)}: ${gone.why}`,
      "dim",
    );
  return [...lines, ...venvLines(store.venvs, face), ...imageLines(store.images, face)];
}

export function prewarmPage({ wishes, workers }: List, face: Face): Line[] {
  if (workers.length === 0) return [[span("no living worker keeps copies", "dim")]];
  const asked: Line[] = wishes.map((wish) => [
    span(isVenvWish(wish) ? "pinned environment " : "asked for "),
    span(title(wish), "strong"),
    span(
      ` by ${safeText(wish.by)}${wish.pinned && !isVenvWish(wish) ? ", pinned" : ""}, ${ago(wish.at, face.nowMs) ?? ""}`,
      "dim",
    ),
  ]);
  return [
    ...workers.flatMap((store, at) => [...(at === 0 ? [] : [[]]), ...storeLines(store, face)]),
    ...(asked.length > 0 ? [[], ...asked] : []),
  ];
}

/** It keeps an environment that is built, and brings nothing. */
export const isVenvWish = ({ checksum }: List["wishes"][number]) => checksum.startsWith("venv:");

/** What came of asking: said of environments apart, which are only kept or not. */
export function wishedLines(wishes: List["wishes"], act: "bring" | "pin" | "unpin" | "cancel"): Line[] {
  if (wishes.length === 0) return [[span("there was no such wish")]];
  const listed = (some: List["wishes"]) => some.map(title).join(", ");
  const venvs = wishes.filter(isVenvWish);
  const others = wishes.filter((wish) => !isVenvWish(wish));
  const words = { bring: "asked for", pin: "asked for, and pinned", unpin: "asked for, not pinned any more" };
  const said =
    act === "cancel"
      ? `no longer asked for: ${listed(others)}`
      : `${words[act]}: ${listed(others)}; \`ml prewarm --list\` shows how far it is`;
  const kept = `${act === "pin" ? "pinned" : "not pinned any more"}: environment ${listed(venvs)}`;
  return [...(others.length > 0 ? [[span(said)]] : []), ...(venvs.length > 0 ? [[span(kept)]] : [])];
}

/** The run that is to start next; nothing where none waits to. */
function nextLine({ waiting }: Reply<"status">, face: Face): Line[] {
  const next = waiting.find(({ held }) => !held);
  if (next === undefined) return [];
  const at = clockTime(next.eta, face.nowMs);
  const when = at === null ? "" : `, starts about ${at}`;
  const who: Line = [
    span(`${safeText(next.name)} ${shortId(next.run_id)}`),
    span(` (priority ${next.priority}${when})`, "dim"),
  ];
  return [cutLine([span("Next in queue: ", "strong"), ...who], face.width, face.unicode)];
}

/**
 * `Next in queue: warmup (priority 5)`, and `Prewarming: dataset imagenet-train (2/5 complete) 45 %, …` where waiting runs need
 * data, an environment or an image.
 */
export function prewarmLines(status: Reply<"status">, face: Face): Line[] {
  return [...nextLine(status, face), ...storesLines(status.workers, face)];
}

function storesLines(workers: Reply<"status">["workers"], face: Face): Line[] {
  return workers.flatMap(({ alive, data, venvs, images }) => [
    ...(alive ? storeLine(data, face) : []),
    ...(alive ? venvStatusLines(venvs ?? null, face) : []),
    ...(alive ? imageStatusLines(images ?? null, face) : []),
  ]);
}

function storeLine(data: Reply<"status">["workers"][number]["data"], face: Face): Line[] {
  if (data == null || data.needed === 0) return [];
  const [copying] = data.copying;
  const [failed] = data.failed;
  const named = ({ name }: { name: string }) => `dataset ${safeText(name)}`;
  if (copying !== undefined) return warmingLines(named(copying), data, copyingText(copying));
  if (failed !== undefined) return notWarmedLines(named(failed), data, { reason: failed.reason, face });
  const counted = `(${data.warm}/${data.needed} complete)`;
  return [[span("Prewarmed: ", "strong"), span(`all that waits has its data here ${counted}`, "good")]];
}
