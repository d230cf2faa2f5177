/** What of one dataset lies on the local disks, for its page: used how often, needed by whom, on its way, removed for what. Pure. */
import { formatSize } from "../core/size.ts";
import type { Reply } from "../protocol/requests.ts";
import { type Face, type Line, type Span, span, wrapText } from "./face.ts";
import { shortId } from "./mark.ts";
import { copyingText } from "./prewarm-page.ts";
import { safeText } from "./safe-text.ts";
import { ago } from "./time.ts";

type Store = Reply<"dataset.show">["stores"][number];

const counted = (hits: number) => (hits === 1 ? "one run" : `${hits} runs`);

function copyWords(copy: Store["copies"][number], face: Face): string {
  const used =
    copy.hits === 0 ? "not used yet" : `used by ${counted(copy.hits)}, ${ago(copy.last_used_at, face.nowMs)}`;
  const next =
    copy.runs.length > 0
      ? `in use by ${copy.runs.map(shortId).join(", ")}`
      : copy.next_run !== null
        ? `next for ${shortId(copy.next_run)}`
        : "nobody waits for it";
  return `version ${safeText(copy.version)}, ${formatSize(copy.size_bytes)}, ${used}, ${next}${copy.pinned ? ", pinned" : ""}`;
}

export function copyLines(stores: readonly Store[], { name, face }: { name: string; face: Face }): Line[] {
  const lines: Line[] = [];
  for (const { worker, copies, copying, failed, evicted } of stores) {
    const say = (text: string, tone: Span["tone"]) => {
      for (const part of wrapText(`${safeText(worker)}  ${text}`, face.width - 2))
        lines.push([span("  "), span(part, tone)]);
    };
    for (const copy of copies) say(copyWords(copy, face), "plain");
    for (const one of copying) say(`version ${safeText(one.version)} is being copied: ${copyingText(one)}`, "live");
    for (const { version, reason } of failed)
      say(`version ${safeText(version)} not copied: ${safeText(reason)}`, "warn");
    for (const gone of evicted)
      say(
        `version ${safeText(gone.version)} removed ${ago(gone.at, face.nowMs)} for ${safeText(gone.for)}: ${gone.why}`,
        "dim",
      );
  }
  if (lines.length > 0) return lines;
  return [[span(`  none; \`ml prewarm ${safeText(name)}\` brings it there`, "dim")]];
}
