/** Starts this very program anew in place of itself: same pid, same terminal, same service unit (execve(2)). */
import { dlopen, FFIType, ptr } from "bun:ffi";

const encoder = new TextEncoder();
const kept: unknown[] = [];

/** A NULL-terminated array of C strings; both are kept from the garbage collector. */
function stringArray(words: readonly string[]): ReturnType<typeof ptr> {
  const texts = words.map((word) => encoder.encode(`${word}\0`));
  const array = new BigUint64Array([...texts.map((text) => BigInt(ptr(text))), 0n]);
  kept.push(texts, array);
  return ptr(array);
}

/** The words of our own command line, as the kernel knows them. */
function ownArguments(): string[] {
  return process.execArgv.length > 0 || !process.argv[1]?.startsWith("/$bunfs/")
    ? [process.execPath, ...process.argv.slice(1)]
    : [process.execPath, ...process.argv.slice(2)];
}

/** Does not return where it works. Files and sockets of ours are closed by the kernel (all are opened close-on-exec). */
export function replaceSelf(): void {
  const { symbols } = dlopen("libc.so.6", { execv: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.i32 } });
  const path = encoder.encode(`${process.execPath}\0`);
  kept.push(path);
  symbols.execv(ptr(path), stringArray(ownArguments()));
}
