/**
 * The local time zone's offset, without ICU: the first local date of a process costs 10 ms that a thin command does not
 * have (measured, Bun 1.4.5). Reads the zone's TZif file (RFC 8536, tzfile(5)); whatever it cannot tell for certain
 * is asked of the runtime after all.
 */

interface Zone {
  /** Moments (seconds since 1970) from which the offset of the same index + 1 holds. */
  transitions: number[];
  /** Seconds east of UTC; the first holds before all transitions. */
  offsets: number[];
  /** The rule for later times, as a POSIX TZ string; without a comma it is one offset for ever. */
  rule: string;
}

const zones = new Map<string, Zone | null>();
const readAhead = new Map<string, Uint8Array>();

function fileOf(name: string | undefined): string | null {
  if (name === undefined) return "/etc/localtime";
  const plain = name.replace(/^:/, "");
  if (plain.startsWith("/")) return plain;
  if (plain === "" || plain.split("/").includes("..")) return null;
  return `${process.env.TZDIR || "/usr/share/zoneinfo"}/${plain}`;
}

/** The 64-bit block of a TZif file of version 2 or later; null where it is none. */
export function parseZone(bytes: Uint8Array): Zone | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = (at: number) => view.getUint32(at) === 0x545a6966;
  if (bytes.length < 44 || !magic(0) || bytes[4] === 0) return null;
  const counts = (at: number) => [20, 24, 28, 32, 36, 40].map((offset) => view.getUint32(at + offset));
  const [utc1 = 0, std1 = 0, leap1 = 0, time1 = 0, type1 = 0, char1 = 0] = counts(0);
  const second = 44 + time1 * 5 + type1 * 6 + char1 + leap1 * 8 + std1 + utc1;
  if (!magic(second)) return null;
  const [utc = 0, std = 0, leap = 0, time = 0, type = 0, char = 0] = counts(second);
  if (leap > 0) return null;
  const times = second + 44;
  const indexes = times + time * 8;
  const types = indexes + time;
  const offsetOf = (index: number) => view.getInt32(types + index * 6);
  const footer = types + type * 6 + char + leap * 12 + std + utc;
  return {
    transitions: Array.from({ length: time }, (_, index) => Number(view.getBigInt64(times + index * 8))),
    offsets: [offsetOf(0), ...Array.from({ length: time }, (_, index) => offsetOf(view.getUint8(indexes + index)))],
    rule: new TextDecoder().decode(bytes.subarray(footer)).trim(),
  };
}

/** `node:fs` takes a thin command 1.5 ms, so it is loaded only here. */
function readNow(file: string): Uint8Array {
  return (require("node:fs") as typeof import("node:fs")).readFileSync(file);
}

function zoneOf(name: string | undefined): Zone | null {
  const key = name ?? "";
  let zone = zones.get(key);
  if (zone === undefined) {
    const file = fileOf(name);
    try {
      zone = file === null ? null : parseZone(readAhead.get(file) ?? readNow(file));
    } catch {
      zone = null;
    }
    zones.set(key, zone);
  }
  return zone;
}

/** Reads the zone by Bun.file, so that the first use needs no `node:fs`. Throws nothing. */
export async function readZoneAhead(): Promise<void> {
  const name = process.env.TZ;
  const file = fileOf(name);
  if (file === null) return;
  try {
    readAhead.set(file, await Bun.file(file).bytes());
  } catch {
    // The first use finds out by itself.
  }
}

/** Milliseconds to add to a moment (milliseconds since 1970) so that its UTC fields read as the local ones. */
export function localOffsetMs(ms: number): number {
  const zone = zoneOf(process.env.TZ);
  const seconds = Math.floor(ms / 1000);
  const last = zone?.transitions.at(-1) ?? Number.NEGATIVE_INFINITY;
  if (zone === null || (seconds >= last && zone.rule.includes(",")))
    return 0 - new Date(ms).getTimezoneOffset() * 60_000;
  let index = zone.transitions.length;
  while (index > 0 && (zone.transitions[index - 1] ?? 0) > seconds) index -= 1;
  return (zone.offsets[index] ?? 0) * 1000;
}
