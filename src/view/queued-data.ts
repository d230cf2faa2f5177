/** What somebody who queues a run is told of its datasets: that one is not what was registered, or that nobody knows yet. Pure. */
import { quoteWord } from "../core/shell-quote.ts";
import type { QueuedLook } from "../protocol/data-requests.ts";
import { driftText } from "./dataset-page.ts";
import { type Line, span } from "./face.ts";
import { safeText } from "./safe-text.ts";

const namedFiles = 3;

/** A line for each that there is something to say of, with what to type; none for one that is as it was registered. */
export function queuedDataLines(looks: readonly QueuedLook[]): Line[] {
  return looks.flatMap(({ name, version, path, going_on: going, check }): Line[] => {
    const which = `dataset ${safeText(name)} (version ${safeText(version)})`;
    if (going)
      return [
        [
          span(`${which} is still being looked at: what comes of it is put into the run; `, "dim"),
          span(`\`ml dataset show ${safeText(name)}\` has it too`, "dim"),
        ],
      ];
    if (check?.problem != null)
      return [
        [
          span(`! ${which} could not be read: ${safeText(check.problem)}`, "warn"),
          span("; `ml doctor` looks at its folder"),
        ],
      ];
    if (check?.drift == null) return [];
    const { files } = check.drift;
    const some = files.slice(0, namedFiles).map(safeText).join(", ");
    const more = files.length > namedFiles ? " and more" : "";
    return [
      [
        span(`! ${which} has changed since it was registered: ${driftText(check.drift)}: ${some}${more}`, "warn"),
        span(
          `; if that is meant, \`ml dataset add ${safeText(name)} ${safeText(quoteWord(path))}\` makes a version of it as it is now`,
        ),
      ],
    ];
  });
}
