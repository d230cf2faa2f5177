/** The last screen of a log, for somebody who comes later: as many lines as fit, and no questions to the terminal. Pure. */

/** Reports that a terminal is asked for (DSR, DA: ECMA-48 8.3.35, 8.3.24). Answered again, they would be typed into the script. */
const questions = /\u001b\[[>=?]?\d*[cn]/g;

/** `bytes` from the line on with which the last `rows` lines begin. */
export function screenTail(bytes: Uint8Array, rows: number): Uint8Array {
  let at = bytes.length;
  for (let left = rows; left > 0 && at > 0; left -= 1) at = bytes.lastIndexOf(0x0a, at - 1);
  const text = Buffer.from(bytes.subarray(at + 1 > bytes.length ? 0 : at + 1)).toString("latin1");
  return Buffer.from(text.replace(questions, ""), "latin1");
}
