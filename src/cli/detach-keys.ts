/**
 * The keys by which a person leaves a terminal that is not theirs alone: ctrl-\, or ctrl-p and then ctrl-q. All else is
 * the script's. A ctrl-p is kept back until the next key says what it was. Pure.
 */

const controlP = 0x10;
const controlQ = 0x11;
const controlBackslash = 0x1c;

export interface Typed {
  /** For the script, in order; what came after the leaving is dropped. */
  send: Uint8Array;
  leaves: boolean;
}

export interface DetachKeys {
  feed(bytes: Uint8Array): Typed;
  /** True while a ctrl-p is kept back. */
  readonly holds: boolean;
  /** Gives up waiting for a ctrl-q: what was kept back. */
  release(): Uint8Array;
}

export function makeDetachKeys(): DetachKeys {
  let holds = false;
  return {
    get holds() {
      return holds;
    },
    feed(bytes) {
      const send: number[] = [];
      for (const byte of bytes) {
        if (byte === controlBackslash || (holds && byte === controlQ)) {
          holds = false;
          return { send: Uint8Array.from(send), leaves: true };
        }
        if (holds) send.push(controlP);
        holds = byte === controlP;
        if (!holds) send.push(byte);
      }
      return { send: Uint8Array.from(send), leaves: false };
    },
    release() {
      const kept = holds ? Uint8Array.of(controlP) : new Uint8Array();
      holds = false;
      return kept;
    },
  };
}
