/** The last bytes of a log, as text; a log of any size, with any bytes in it, costs the same. */
import * as fs from "node:fs";

/** At most the last `limitBytes` of a file as UTF-8, broken characters replaced; "" where there is none. */
export function lastBytes(path: string, limitBytes = 65_536): string {
  let fd: number;
  try {
    fd = fs.openSync(path, "r");
  } catch {
    return "";
  }
  try {
    const { size } = fs.fstatSync(fd);
    const from = Math.max(0, size - limitBytes);
    const bytes = Buffer.alloc(Math.min(size, limitBytes));
    const read = fs.readSync(fd, bytes, 0, bytes.length, from);
    return bytes.subarray(0, read).toString("utf8");
  } catch {
    return "";
  } finally {
    fs.closeSync(fd);
  }
}
