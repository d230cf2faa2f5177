/** TensorBoard event files made by hand: TFRecord framing around protocol buffers, as TensorFlow and PyTorch write them. */
import { maskedCrc } from "../../../src/harvest/tensorboard.ts";

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...bytes, left];
    bytes.push((left % 128) + 128);
  }
}

const message = (field: number, bytes: Uint8Array) => [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes];
const text = (field: number, value: string) => message(field, Buffer.from(value));

function double(field: number, value: number): number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return [field * 8 + 1, ...bytes];
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

/** `simple`: as PyTorch and TensorFlow 1 write it; `tensor`: TensorFlow 2; `image`: a tensor with a shape. */
export function event(
  tag: string,
  value: number,
  { step, t, form = "simple" }: { step: number; t: number; form?: "simple" | "tensor" | "image" },
) {
  const shape =
    form === "image" ? message(2, Buffer.from(message(2, Buffer.from([8, 3])))) : message(2, Buffer.alloc(0));
  const tensor = [8, 1, ...shape, ...message(4, float(value))];
  const held = form === "simple" ? [2 * 8 + 5, ...float(value)] : message(8, Buffer.from(tensor));
  const summary = message(1, Buffer.from([...text(1, tag), ...held]));
  return Buffer.from([
    ...double(1, t),
    ...(step === 0 ? [] : [16, ...varint(step)]),
    ...message(5, Buffer.from(summary)),
  ]);
}

export function record(data: Uint8Array): Buffer {
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(data.length));
  head.writeUInt32LE(maskedCrc(head.subarray(0, 8)), 8);
  const foot = Buffer.alloc(4);
  foot.writeUInt32LE(maskedCrc(data));
  return Buffer.concat([head, data, foot]);
}

/** The first record of every event file. */
export const versionRecord = record(Buffer.from([...double(1, 1000), ...text(3, "brain.Event:2")]));
