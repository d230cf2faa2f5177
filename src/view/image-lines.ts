/** Images of containers at a worker's engines, for `ml prewarm`, `ml status` and the record of a run: pulled ahead, there, under way, failed. Pure. */
import { formatDuration } from "../core/duration.ts";
import { formatSize } from "../core/size.ts";
import type { Reply } from "../protocol/requests.ts";
import { type Face, type Line, span, wrapText } from "./face.ts";
import { shortId } from "./mark.ts";
import { safeText } from "./safe-text.ts";
import { type Column, layTable, type Row } from "./table.ts";
import { ago, timeMs } from "./time.ts";

export type Images = NonNullable<Reply<"status">["workers"][number]["images"]>;

const columns: readonly Column[] = [
  { name: "image", least: 28 },
  { name: "size", align: "right" },
  { name: "pulled", keep: 3 },
  { name: "used", keep: 1 },
  { name: "next", least: 10, keep: 2 },
];

/** `ghcr.io/lab/train@sha256:1a2b3c4d…`: enough of a digest to know it by. */
export function shortImage(image: string, face: Face): string {
  const rest = face.unicode ? "…" : "...";
  return safeText(image.replace(/(@sha256:[0-9a-f]{8})[0-9a-f]{56}$/, `$1${rest}`));
}

const nextSpan = (run: string | null) =>
  run === null ? span("nobody waits for it", "dim") : span(`next for ${shortId(run)}`);
const sizeSpan = (size: number | null, face: Face) =>
  size === null ? span(face.unicode ? "—" : "-", "dim") : span(formatSize(size));

function pulledRow(one: Images["pulled"][number], face: Face): Row {
  return {
    image: [span(shortImage(one.image, face), "strong"), span(` ${safeText(one.engine)}`, "dim")],
    size: [sizeSpan(one.size_bytes, face)],
    pulled: [span(`in ${formatDuration(Math.max(1, one.seconds * 1000))}, ${ago(one.pulled_at, face.nowMs) ?? ""}`)],
    used: [span(one.hits === 0 ? "not yet" : `${one.hits}×, ${ago(one.last_used_at, face.nowMs) ?? ""}`, "dim")],
    next: [nextSpan(one.next_run)],
  };
}

function thereRow(one: Images["there"][number], face: Face): Row {
  return {
    image: [span(shortImage(one.image, face), "strong"), span(` ${safeText(one.engine)}`, "dim")],
    size: [sizeSpan(one.size_bytes, face)],
    pulled: [span("was there", "dim")],
    used: [],
    next: [nextSpan(one.next_run)],
  };
}

const since = (at: string, face: Face) => formatDuration(Math.max(1000, face.nowMs - (timeMs(at) ?? face.nowMs)));

/** Nothing where there is nothing to tell. */
export function imageLines(images: Images | null | undefined, face: Face): Line[] {
  if (images == null) return [];
  const { pulled, there, pulling, failed } = images;
  if (pulled.length + there.length + pulling.length + failed.length === 0) return [];
  const lines: Line[] = [[span("  images", "strong"), span("  of containers; never removed by ml", "dim")]];
  const rows = [...pulled.map((one) => pulledRow(one, face)), ...there.map((one) => thereRow(one, face))];
  if (rows.length > 0) {
    const head = Object.fromEntries(columns.map(({ name }) => [name, [span(name, "dim")]]));
    lines.push(...layTable(columns, [head, ...rows], { face, indent: 2 }));
  }
  const say = (text: string, tone: "live" | "warn") => {
    for (const part of wrapText(text, face.width - 2)) lines.push([span("  "), span(part, tone)]);
  };
  for (const { engine, image, for_run: run, started_at: at } of pulling) {
    const who = run === null ? "asked for" : `for ${shortId(run)}`;
    say(`pulling ${shortImage(image, face)} by ${safeText(engine)} ${who}, ${since(at, face)} so far`, "live");
  }
  for (const { image, reason, tries } of failed)
    say(
      `not pulled: ${shortImage(image, face)}: ${safeText(reason)}${tries > 1 ? ` (${tries} tries)` : ""}; its run will pull it itself`,
      "warn",
    );
  return lines;
}

/** The one line of `ml status`; nothing where no waiting run needs one, or all are there. */
export function imageStatusLines(images: Images | null, face: Face): Line[] {
  if (images == null || images.needed === 0) return [];
  const counted = `(${images.warm}/${images.needed} complete)`;
  const [pulling] = images.pulling;
  const [failed] = images.failed;
  if (pulling !== undefined)
    return [
      [
        span("Prewarming: ", "strong"),
        span(`image ${shortImage(pulling.image, face)} ${counted}`),
        span(` pulling for ${since(pulling.started_at, face)}`, "dim"),
      ],
    ];
  if (failed === undefined) return [];
  return wrapText(
    `Prewarming: image ${shortImage(failed.image, face)} ${counted}: ${safeText(failed.reason)}`,
    face.width,
  ).map((text) => [span(text, "warn")]);
}
