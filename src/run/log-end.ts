/** The last bytes of a log, as text; a log of any size, with any bytes in it, costs the same. */
import * as fs from "node:fs";

/** For the ends of many logs, one after the other. */
const kept = Buffer.allocUnsafeSlow(16 * 1024);

/** At most the last `limitBytes` of a file as UTF-8, broken characters replaced; "" where there is none. */
export function lastBytes(path: string, limitBytes = 65_536): string {
  let fd: number;
  try {
    fd = fs.openSync(path, "r");
  } catch {
    return "";
  }
  try {
    const bytes = limitBytes < kept.length ? kept : Buffer.allocUnsafe(limitBytes + 1);
    const all = fs.readSync(fd, bytes, 0, limitBytes + 1, 0);
    // Short logs are nearly all: their size need not be asked for.
    if (all <= limitBytes) return bytes.toString("utf8", 0, all);
    const from = Math.max(0, fs.fstatSync(fd).size - limitBytes);
    return bytes.toString("utf8", 0, fs.readSync(fd, bytes, 0, limitBytes, from));
  } catch {
    return "";
  } finally {
    fs.closeSync(fd);
  }
}
