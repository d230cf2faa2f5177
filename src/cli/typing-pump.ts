/**
 * What a person types, on its way to the terminal of a run: in order, one request at a time, what was typed meanwhile with
 * the next. It is never repeated: where the connection breaks, the person is told that it may not have arrived.
 */
import type { Connection } from "../client/connection.ts";
import { MlError } from "../core/error.ts";

/** What one request takes (protocol/terminal-requests.ts). */
const mostBytes = 4095;
/** Beyond this nobody types but a paste that the script does not read. */
const keptBytes = 1024 * 1024;
const retryMs = 100;

export interface TypingPump {
  type(bytes: Uint8Array): void;
  /** What is not sent by now is dropped. */
  close(): void;
}

export function makeTypingPump(connection: Connection, runId: string, say: (sentence: string) => void): TypingPump {
  let waiting = Buffer.alloc(0);
  let sending = false;
  let closed = false;
  const sendOne = async () => {
    const piece = waiting.subarray(0, mostBytes);
    try {
      await connection.ask("run.type", { run: runId, data: piece.toString("base64") });
    } catch (cause) {
      if (!(cause instanceof MlError)) throw cause;
      if (cause.code === "try_later") {
        await Bun.sleep(retryMs);
        return;
      }
      // Of its end the log tells.
      if (cause.code !== "conflict" && !closed) say(`what was typed may not have arrived: ${cause.message}`);
    }
    waiting = waiting.subarray(piece.length);
  };
  const send = async () => {
    sending = true;
    while (waiting.length > 0 && !closed) await sendOne();
    sending = false;
  };
  return {
    type(bytes) {
      if (bytes.length === 0 || closed) return;
      if (waiting.length + bytes.length > keptBytes) {
        say("the script does not read what is typed, and no more is kept");
        return;
      }
      waiting = Buffer.concat([waiting, bytes]);
      if (!sending) void send();
    },
    close() {
      closed = true;
    },
  };
}
