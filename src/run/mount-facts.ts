/** How a network mount that holds data does, as a worker sees it and tells. Plain JSON, snake_case. */

export interface MountFacts {
  point: string;
  /** `nfs4`, `cifs`, `fuse.sshfs`, … */
  type: string;
  /** `nas:/export`; as it was mounted. */
  source: string;
  /** The datasets that lie on it. */
  datasets: string[];
  /** Copies of datasets lie on it too. */
  copies?: boolean;
  /**
   *     ok        it answers as it usually does
   *     slow      it answers, far later than usual
   *     silent    it was asked and has not answered
   *     gone      it is not mounted any more, or the other side has hung up
   *     unknown   nobody has asked yet
   */
  state: "ok" | "slow" | "silent" | "gone" | "unknown";
  /** Since when it has been slow, silent or gone; null where it is not. */
  since: string | null;
  /** How long its last answer took, of a stat and a statfs; null where none came. */
  answer_ms: number | null;
  answered_at: string | null;
  /** The median of its last answers, 60 at most, and the longest of them. */
  usual_ms: number | null;
  longest_ms: number | null;
}

/** A time in which a mount was silent or gone; `until` null: it still is. */
export interface Silence {
  point: string;
  state: "silent" | "gone";
  from: string;
  until: string | null;
}

/** One sentence where something is wrong with it, else null. */
export function mountSentence({
  point,
  source,
  state,
  since,
  answer_ms: took,
  usual_ms: usual,
  datasets,
  copies = false,
}: MountFacts): string | null {
  const what = `\`${point}\` (${source})`;
  const named = `${datasets.slice(0, 3).join(", ")}${datasets.length > 3 ? ` and ${datasets.length - 3} more` : ""}`;
  const hits = [
    ...(datasets.length > 0 ? [`runs that need ${named} wait or fail`] : []),
    ...(copies
      ? ["copies of data lie there: nothing is copied, and runs read their data where it was registered"]
      : []),
  ];
  const needs = hits.join("; ");
  if (state === "silent") return `${what} gives no answer since ${since}: ${needs}`;
  if (state === "gone") return `${what} is not there any more, since ${since}: ${needs}`;
  if (state !== "slow") return null;
  return `${what} is slow since ${since}: it answers in ${took} ms${usual === null ? "" : `, usually in ${usual} ms`}`;
}
