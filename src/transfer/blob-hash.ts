/** The name of a blob: what content-addressing means here. */

/** sha256 of bytes, as blobs are named: lower-case hex. */
export function blobHash(bytes: Uint8Array | string): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
