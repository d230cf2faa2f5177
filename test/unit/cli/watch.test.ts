/** What `ml status --watch` does while its server goes away. */
import { expect, test } from "bun:test";
import { askUnlessLost } from "../../../src/cli/watch.ts";
import type { Connection, ConnectionState } from "../../../src/client/connection.ts";

/** A connection of which only what a watcher uses is there; its answers come when the test gives them. */
function heldConnection() {
  const listeners = new Set<(state: ConnectionState, why: string | null) => void>();
  const answer = Promise.withResolvers<unknown>();
  const connection = {
    ask: () => answer.promise,
    onState(listener: (state: ConnectionState, why: string | null) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  } as unknown as Connection;
  const become = (state: ConnectionState) => {
    for (const listener of listeners) listener(state, null);
  };
  const watching = { connection, limit: 10, user: null, signal: new AbortController().signal };
  return { watching, answer, become, listeners };
}

test("a question that the server did not live to answer holds nobody until it is back", async () => {
  const { watching, answer, become, listeners } = heldConnection();
  const asked = askUnlessLost(watching);
  become("reconnecting");
  expect(await asked).toBeNull();
  expect(listeners.size).toBe(0);
  answer.reject(new Error("nobody hears this"));
});

test("an answer is an answer, and a refusal is told", async () => {
  const first = heldConnection();
  const asked = askUnlessLost(first.watching);
  first.answer.resolve({ runs: [] });
  expect(await asked).toMatchObject({ runs: [] });
  const second = heldConnection();
  const refused = askUnlessLost(second.watching);
  second.become("closed");
  second.answer.reject(new Error("the key was taken back"));
  await expect(refused).rejects.toThrow("the key was taken back");
});
