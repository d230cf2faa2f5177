/** What a snapshot leaves out, and the words for it. */
import { shownPath } from "../run/snapshot.ts";

export interface LeftOut {
  /** Relative to the tree; a folder ends with a slash. Fit for a terminal: control characters are escaped. */
  path: string;
  /** Half a sentence, such as `it points to the absolute path …`. */
  why: string;
  /** `ignored`: by .mlignore or the built-in list, as was to be expected. `unsendable`: somebody should know. */
  kind: "ignored" | "unsendable";
}

export function unsendable(path: string, why: string): LeftOut {
  return { path: shownPath(path), why, kind: "unsendable" };
}

/** The name as bytes, those that are not ASCII escaped: `caf\xe9.txt`. */
export function notUtf8(bytes: Uint8Array): LeftOut {
  const shown = Buffer.from(bytes)
    .toString("latin1")
    .replaceAll(/[\0-\x1f\x7f-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return { path: shown, why: "its name is not UTF-8", kind: "unsendable" };
}
