/**
 * Bringing many files of a run here in one stream, a pack as code travels in: small ones together, and a large one that
 * is here in another version as what differs. Each is checked against its sha256 before it gets its name.
 */
import { MlError } from "../core/error.ts";
import { encodeSums, sumBlocks } from "./block-sums.ts";
import { dropKept, keepPart, type OlderFile, openOlder } from "./older-file.ts";
import { type EntrySink, type PackLimits, readPack } from "./pack-reader.ts";
import { Part, type PulledFile, putInPlace, wrongSum } from "./place.ts";

/** A file that is asked for, and the block sums of what stands in its place here (base64), if that is to be built upon. */
export interface AskedFile {
  path: string;
  sums: string | null;
}

/** Throws MlError; `unreachable`, `try_later` and anything that is no MlError are tried again. */
export type FetchPack = (files: readonly AskedFile[]) => Promise<AsyncIterable<Uint8Array>>;

/** The name of an entry that says why a file is not there: what follows is {code, message} as JSON. */
export const refusedName = "f".repeat(64);

export interface Wanted {
  file: PulledFile;
  /** Absolute. */
  final: string;
  /** True where an older version stands there that is worth comparing with. */
  differs: boolean;
}

export interface PackTaker {
  /** Null where it is here; else why the server does not give it. */
  done(wanted: Wanted, why: string | null): void;
  /** Bytes of the content that are here, received or copied; `wireBytes` of them came over the line. */
  grown(wanted: Wanted, contentBytes: number): void;
  /** Known sha256 of a file, or null. */
  sha256(path: string): string | null;
  signal: AbortSignal | undefined;
}

const pullLimits: PackLimits = { entryBytes: 2 ** 43, totalBytes: 2 ** 43, entries: 1_000_000 };
const copyBytes = 1024 * 1024;

function sumsHere(final: string): string {
  keepPart(final);
  const older = openOlder(final);
  try {
    const steps = sumBlocks(older.source);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return Buffer.from(encodeSums(step.value)).toString("base64");
    }
  } finally {
    older.close();
  }
}

function refusalSink(report: (why: string) => void): EntrySink {
  const pieces: Uint8Array[] = [];
  return {
    write: (bytes) => void pieces.push(Buffer.from(bytes)),
    copy: async () => false,
    end() {
      const { message } = JSON.parse(Buffer.concat(pieces).toString("utf8")) as { message?: unknown };
      report(String(message ?? "the server does not give it"));
    },
  };
}

/**
 * Takes one pack with `wanted`, in order. Throws where the stream breaks: what was `done` before that is here; `wrongSum`
 * as an MlError `failed`.
 */
export async function pullPack(fetchPack: FetchPack, wanted: readonly Wanted[], taker: PackTaker): Promise<void> {
  const asked = wanted.map(({ file, final, differs }) => ({ path: file.path, sums: differs ? sumsHere(final) : null }));
  const stream = await fetchPack(asked);
  let index = -1;
  let part: Part | null = null;
  let older: OlderFile | null = null;
  const closeOlder = () => {
    older?.close();
    older = null;
  };
  try {
    await readPack(stream, pullLimits, (head) => {
      taker.signal?.throwIfAborted();
      index += 1;
      const one = wanted[index];
      if (one === undefined) throw new MlError("failed", "the server sent more files than it was asked for");
      if (head.hash === refusedName) return refusalSink((why) => taker.done(one, why));
      const own = new Part(one.final);
      part = own;
      const base = head.base === null ? null : openOlder(one.final);
      older = base;
      return {
        write(bytes) {
          taker.signal?.throwIfAborted();
          own.write(bytes);
          taker.grown(one, bytes.length);
        },
        async copy(from, length) {
          if (base === null || from + length > base.source.size) return false;
          for (let done = 0; done < length; ) {
            const count = Math.min(copyBytes, length - done);
            own.write(base.source.bytes(from + done, count));
            done += count;
          }
          taker.grown(one, length);
          return true;
        },
        end() {
          closeOlder();
          const known = taker.sha256(one.file.path);
          const sum = own.end();
          if (base !== null) dropKept(one.final);
          if (sum !== head.hash || (known !== null && known !== sum)) throw wrongSum(one.file.path);
          putInPlace(one.file, own.path, one.final);
          part = null;
          taker.done(one, null);
        },
      };
    });
    if (index + 1 < wanted.length) throw new Error("the server sent fewer files than it was asked for");
  } catch (cause) {
    // What does not have the right sum is no part of the file.
    const isCut = older !== null;
    closeOlder();
    if (part !== null && isCut) giveUp(part, wanted[index]?.final ?? "");
    throw cause;
  } finally {
    closeOlder();
    (part as Part | null)?.drop();
  }
}

/** What a cut has left of a file that was being built upon another. */
function giveUp(part: Part, final: string): void {
  part.leave();
  keepPart(final);
}
