/** Which troubles pass by themselves: a full or failing disk, too many files or processes, a queue that is away. */
import { MlError, systemCode } from "../core/error.ts";

const codes = new Set(["ENOSPC", "EDQUOT", "EROFS", "EIO", "EMFILE", "ENFILE", "EAGAIN", "ENOMEM", "ESTALE"]);

export function isPassing(cause: unknown): boolean {
  if (cause instanceof MlError) return cause.code === "no_space" || cause.code === "try_later";
  return codes.has(systemCode(cause) ?? "");
}
