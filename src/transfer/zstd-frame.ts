/**
 * What a zstd frame (RFC 8878, 3.1.1) says of itself before it is opened. The runtime decompresses whatever it is given to
 * its end, frame after frame, in as much memory as that takes: so who reads from a stranger looks here first.
 */

const magic = 0xfd2fb528;
const idBytes = [0, 1, 2, 4];
const lengthBytes = [0, 2, 4, 8];
const blockHeaderBytes = 3;
const checksumBytes = 4;

/** The length of the content, where `bytes` are exactly one frame that states it; else null. */
export function framedLength(bytes: Uint8Array): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    if (view.getUint32(0, true) !== magic) return null;
    const descriptor = view.getUint8(4);
    const isSingle = (descriptor & 0x20) !== 0;
    const hasChecksum = (descriptor & 4) !== 0;
    const at = 5 + (isSingle ? 0 : 1) + (idBytes[descriptor & 3] ?? 0);
    const kind = descriptor >> 6;
    if (kind === 0 && !isSingle) return null;
    const end = endOfBlocks(view, at + (kind === 0 ? 1 : (lengthBytes[kind] ?? 0)));
    return end + (hasChecksum ? checksumBytes : 0) === bytes.length ? statedAt(view, at, kind) : null;
  } catch {
    return null; // It ends before its time.
  }
}

function statedAt(view: DataView, at: number, kind: number): number {
  if (kind === 0) return view.getUint8(at);
  if (kind === 1) return view.getUint16(at, true) + 256;
  return kind === 2 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
}

/** Where the last block of the frame ends. Throws RangeError beyond the bytes. */
function endOfBlocks(view: DataView, from: number): number {
  for (let at = from; ; ) {
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    const type = (header >> 1) & 3;
    const [isLast, size] = [(header & 1) !== 0, type === 1 ? 1 : header >> 3];
    at += blockHeaderBytes + size;
    if (isLast) return at;
  }
}
