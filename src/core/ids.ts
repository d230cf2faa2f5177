/**
 * Run ids: `<UTC date>_<6 characters of lower-case base32>` in Crockford's alphabet
 * (no i, l, o, u), e.g. `2026-11-23_k3f9ab`. They sort by day, survive
 * case-insensitive file systems, and can be typed. Uniqueness is enforced by whoever creates the folder.
 */

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const pattern = /^\d{4}-\d{2}-\d{2}_[0-9a-z]{6,}$/;

export function randomWord(length: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  let random = "";
  for (const byte of bytes) random += alphabet[byte & 31];
  return random;
}

/** A fresh run id for the UTC day of `nowMs` (milliseconds since 1970). */
export function newRunId(nowMs: number, length = 6): string {
  return `${new Date(nowMs).toISOString().slice(0, 10)}_${randomWord(length)}`;
}

/** The run id that follows from `text`, for the UTC day of `dayMs`: the same for the same text, and no other's (60 bits). */
export function runIdFrom(text: string, dayMs: number): string {
  const hash = new Bun.CryptoHasher("sha256").update(text).digest();
  const letters = [...hash.subarray(0, 12)].map((byte) => alphabet[byte & 31]).join("");
  return `${new Date(dayMs).toISOString().slice(0, 10)}_${letters}`;
}

export function isRunId(text: string): boolean {
  return pattern.test(text);
}
