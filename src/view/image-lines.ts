/** Images of containers at a worker's engines, for `ml prewarm`, `ml status` and the record of a run: pulled ahead, there, under way, failed. Pure. */
import { formatDuration } from "../core/duration.ts";
import { formatSize } from "../core/size.ts";
import type { Reply } from "../protocol/requests.ts";
import { type Face, type Line, span } from "./face.ts";
import { shortId } from "./mark.ts";
import { headedTable, nextSpan, notWarmedLines, remark, since, usedText, warmingLines } from "./prewarm-parts.ts";
import { safeText } from "./safe-text.ts";
import type { Column, Row } from "./table.ts";
import { ago } from "./time.ts";

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

const sizeSpan = (size: number | null, face: Face) =>
  size === null ? span(face.unicode ? "—" : "-", "dim") : span(formatSize(size));

function pulledRow(one: Images["pulled"][number], face: Face): Row {
  return {
    image: [span(shortImage(one.image, face), "strong"), span(` ${safeText(one.engine)}`, "dim")],
    size: [sizeSpan(one.size_bytes, face)],
    pulled: [span(`in ${formatDuration(Math.max(1, one.seconds * 1000))}, ${ago(one.pulled_at, face.nowMs) ?? ""}`)],
    used: [span(usedText(one, face), "dim")],
    next: [nextSpan(one)],
  };
}

function thereRow(one: Images["there"][number], face: Face): Row {
  return {
    image: [span(shortImage(one.image, face), "strong"), span(` ${safeText(one.engine)}`, "dim")],
    size: [sizeSpan(one.size_bytes, face)],
    pulled: [span("was there", "dim")],
    used: [],
    next: [nextSpan(one)],
  };
}

/** Nothing where there is nothing to tell. */
export function imageLines(images: Images | null | undefined, face: Face): Line[] {
  if (images == null) return [];
  const { pulled, there, pulling, failed } = images;
  if (pulled.length + there.length + pulling.length + failed.length === 0) return [];
  const lines: Line[] = [[span("  images", "strong"), span("  of containers; never removed by ml", "dim")]];
  const rows = [...pulled.map((one) => pulledRow(one, face)), ...there.map((one) => thereRow(one, face))];
  lines.push(...headedTable(columns, rows, face));
  const say = (text: string, tone: "live" | "warn") => lines.push(...remark(text, tone, face));
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
  const [pulling] = images.pulling;
  const [failed] = images.failed;
  const named = ({ image }: { image: string }) => `image ${shortImage(image, face)}`;
  if (pulling !== undefined)
    return warmingLines(named(pulling), images, `pulling for ${since(pulling.started_at, face)}`);
  return failed === undefined ? [] : notWarmedLines(named(failed), images, { reason: failed.reason, face });
}
