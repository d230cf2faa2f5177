/**
 * Scalars of a TensorBoard event file. The file is a sequence of records (TFRecord: length, masked CRC-32C of the length, data,
 * masked CRC-32C of the data), each an `Event` in protocol buffers (tensorflow/core/util/event.proto). Of that only what a
 * scalar needs is decoded: wall time, step, tag, and a `simple_value` or a tensor of one number; the rest is skipped.
 */
import { type FoundPoint, type OpenFile, readAt, type Source } from "./point.ts";

const headerBytes = 12;
const footerBytes = 4;
/** Longer records hold images, sound or graphs: they are stepped over unread. */
const scalarRecordBytes = 1024 * 1024;
const chunkBytes = 1024 * 1024;

const table = new Uint32Array(256).map((_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

/** CRC-32C (Castagnoli, RFC 3720 appendix B.4), masked as TFRecord does it: rotated right by 15 and offset. */
export function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  crc = (crc ^ 0xffffffff) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

type Field = { number: number; kind: "varint"; value: number } | { number: number; kind: "bytes"; bytes: Buffer };

/** The fields of one message; a value of 4 or 8 bytes comes as bytes. Ends early where the message is damaged. */
function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; at < message.length; shift += 7) {
      const byte = message[at++] as number;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < message.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    const wire = key % 8;
    if (wire === 0) {
      yield { number, kind: "varint", value: varint() };
      continue;
    }
    const length = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 ? varint() : Number.NaN;
    if (!(length >= 0) || at + length > message.length) return;
    yield { number, kind: "bytes", bytes: message.subarray(at, at + length) };
    at += length;
  }
}

/** Element types of a TensorProto (types.proto) whose one value is read. */
const readers: Record<number, { size: number; read: (bytes: Buffer) => number }> = {
  1: { size: 4, read: (bytes) => bytes.readFloatLE() },
  2: { size: 8, read: (bytes) => bytes.readDoubleLE() },
  3: { size: 4, read: (bytes) => bytes.readInt32LE() },
  9: { size: 8, read: (bytes) => Number(bytes.readBigInt64LE()) },
};

/** The number in a tensor of one element, or null. */
function tensorValue(tensor: Buffer): number | null {
  let type = 0;
  let content: Buffer | null = null;
  let value: number | null = null;
  for (const field of fieldsOf(tensor)) {
    if (field.kind === "varint") {
      if (field.number === 1) type = field.value;
      else if (field.number === 7 || field.number === 10) value = field.value;
      continue;
    }
    // tensor_shape: any dimension makes it more than a scalar.
    if (field.number === 2 && field.bytes.length > 0) return null;
    if (field.number === 4) content = field.bytes;
    if (field.number === 5 && field.bytes.length === 4) value = field.bytes.readFloatLE();
    if (field.number === 6 && field.bytes.length === 8) value = field.bytes.readDoubleLE();
  }
  const reader = readers[type];
  return content !== null && reader !== undefined && content.length === reader.size ? reader.read(content) : value;
}

/** Scalars of one summary: tag and value. */
function* summaryValues(summary: Buffer): Generator<{ name: string; value: number }> {
  for (const field of fieldsOf(summary)) {
    if (field.number !== 1 || field.kind !== "bytes") continue;
    let name = "";
    let value: number | null = null;
    for (const part of fieldsOf(field.bytes)) {
      if (part.kind !== "bytes") continue;
      if (part.number === 1) name = part.bytes.toString("utf8");
      else if (part.number === 2 && part.bytes.length === 4) value = part.bytes.readFloatLE();
      else if (part.number === 8) value = tensorValue(part.bytes);
    }
    if (name !== "" && value !== null) yield { name, value };
  }
}

/** The scalars of one `Event`. */
export function readEvent(event: Buffer): FoundPoint[] {
  let t: number | null = null;
  let step = 0;
  const points: FoundPoint[] = [];
  for (const field of fieldsOf(event)) {
    if (field.number === 1 && field.kind === "bytes" && field.bytes.length === 8) t = field.bytes.readDoubleLE();
    else if (field.number === 2 && field.kind === "varint") step = field.value;
    else if (field.number === 5 && field.kind === "bytes") {
      for (const { name, value } of summaryValues(field.bytes)) points.push({ name, value, step: null, t: null });
    }
  }
  return points.map((point) => ({ ...point, step, t }));
}

export class EventFile implements Source {
  private at = 0;
  /** A record did not fit its sums: what follows cannot be told apart any more. */
  private damaged = false;

  constructor(
    readonly group: string,
    readonly label: string,
  ) {}

  /** Bytes of whole records so far: less than the file where its rest is damaged or not there yet. */
  get readTo(): number {
    return this.at;
  }

  async read(file: OpenFile): Promise<FoundPoint[]> {
    const points: FoundPoint[] = [];
    while (!this.damaged && this.at + headerBytes <= file.sizeBytes) {
      const chunk = await readAt(file, this.at, Math.min(chunkBytes, file.sizeBytes - this.at));
      const used = this.readChunk(chunk, points);
      if (used > 0) {
        this.at += used;
        continue;
      }
      const length = this.lengthAt(chunk, 0);
      if (length === null) break;
      const end = this.at + headerBytes + length + footerBytes;
      if (end > file.sizeBytes) break;
      if (length <= scalarRecordBytes) {
        const whole = await readAt(file, this.at, headerBytes + length + footerBytes);
        this.readChunk(whole, points);
      }
      this.at = end;
    }
    return points;
  }

  /** The length of the record that begins there; null where it is damaged. */
  private lengthAt(chunk: Buffer, at: number): number | null {
    const length = Number(chunk.readBigUInt64LE(at));
    if (maskedCrc(chunk.subarray(at, at + 8)) === chunk.readUInt32LE(at + 8)) return length;
    this.damaged = true;
    return null;
  }

  /** Whole records from the beginning of a chunk; returns how many bytes they took. */
  private readChunk(chunk: Buffer, points: FoundPoint[]): number {
    let at = 0;
    while (at + headerBytes <= chunk.length) {
      const length = this.lengthAt(chunk, at);
      if (length === null) return at;
      const end = at + headerBytes + length;
      if (end + footerBytes > chunk.length) return at;
      const data = chunk.subarray(at + headerBytes, end);
      if (maskedCrc(data) !== chunk.readUInt32LE(end)) {
        this.damaged = true;
        return at;
      }
      for (const point of readEvent(data)) points.push(point);
      at = end + footerBytes;
    }
    return at;
  }
}
