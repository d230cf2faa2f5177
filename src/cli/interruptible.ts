/**
 * Work that Ctrl-C may end at first, and may not once the last step has begun: then the honest answer is to finish it
 * and say so. A second Ctrl-C ends the process at once.
 */

export interface Stage {
  /** Aborted by Ctrl-C outside the last step. */
  signal: AbortSignal;
  /** A step that Ctrl-C does not end: it only sets `interrupted`. Does not begin where Ctrl-C came before. */
  finishing<T>(step: () => Promise<T>): Promise<T>;
  /** Ends here where Ctrl-C came during a step that turned out not to be the last. */
  stopHere(): void;
  readonly interrupted: boolean;
}

/** `done`: `value` is what `act` gave, with `interrupted` true where Ctrl-C came during the last step. */
export type Interruptible<T> = { kind: "done"; value: T; interrupted: boolean } | { kind: "interrupted" };

export async function interruptible<T>(act: (stage: Stage) => Promise<T>): Promise<Interruptible<T>> {
  const abort = new AbortController();
  const stopped = Promise.withResolvers<"stopped">();
  let last = false;
  let interrupted = false;
  const onInterrupt = () => {
    if (interrupted) process.exit(130);
    interrupted = true;
    if (last) return;
    abort.abort(new DOMException("interrupted", "AbortError"));
    stopped.resolve("stopped");
  };
  process.on("SIGINT", onInterrupt);
  try {
    const stage: Stage = {
      signal: abort.signal,
      async finishing(step) {
        abort.signal.throwIfAborted();
        last = true;
        try {
          return await step();
        } finally {
          last = false;
        }
      },
      stopHere() {
        if (interrupted) abort.abort(new DOMException("interrupted", "AbortError"));
        abort.signal.throwIfAborted();
      },
      get interrupted() {
        return interrupted;
      },
    };
    const acting = act(stage);
    acting.catch(() => {});
    const result = await Promise.race([acting.then((value) => ({ value })), stopped.promise]);
    return result === "stopped" ? { kind: "interrupted" } : { kind: "done", value: result.value, interrupted };
  } catch (cause) {
    if (abort.signal.aborted) return { kind: "interrupted" };
    throw cause;
  } finally {
    process.off("SIGINT", onInterrupt);
  }
}
