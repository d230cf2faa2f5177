/**
 * Event sessions for those who cannot hold a WebSocket: the same events, kept until they are fetched. Bounded in
 * number, in length and in time; a session that overflows is told to subscribe again.
 */
import type { EventFrame, ServerEvent } from "../protocol/frames.ts";
import type { EventSink } from "./hub.ts";

const keptEvents = 1000;
const keptSessions = 1000;
const idleMs = 90_000;

export class PollSession implements EventSink {
  seq = 0;
  usedAtMs = performance.now();
  private frames: EventFrame[] = [];
  private wake: (() => void) | null = null;

  constructor(
    readonly pollId: string,
    readonly user: string,
  ) {}

  takesBytes(): boolean {
    return false;
  }

  push(event: ServerEvent): void {
    if (this.frames.length >= keptEvents) {
      this.frames = [];
      this.add({ kind: "resync" });
    }
    this.add(event);
    this.wake?.();
  }

  private add(event: ServerEvent): void {
    this.seq += 1;
    this.frames.push({ seq: this.seq, event });
  }

  /** Events after `after`, waiting up to `waitMs` for the first. What was fetched before is dropped. */
  async take(after: number, waitMs: number): Promise<EventFrame[]> {
    this.usedAtMs = performance.now();
    this.frames = this.frames.filter((frame) => frame.seq > after);
    if (this.frames.length === 0 && waitMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => this.wake?.(), waitMs);
        this.wake?.();
        this.wake = () => {
          clearTimeout(timer);
          this.wake = null;
          resolve();
        };
      });
      // Events of one change come together.
      await Bun.sleep(0);
    }
    this.usedAtMs = performance.now();
    return [...this.frames];
  }

  close(): void {
    this.wake?.();
  }
}

export class Polls {
  private readonly sessions = new Map<string, PollSession>();

  /** `forget` is told of sessions that end. */
  constructor(private readonly forget: (session: PollSession) => void) {}

  open(user: string): PollSession {
    this.sweep();
    const session = new PollSession(crypto.randomUUID(), user);
    this.sessions.set(session.pollId, session);
    return session;
  }

  /** The session of that user, or null where it has ended. */
  find(pollId: string, user: string): PollSession | null {
    const session = this.sessions.get(pollId);
    return session !== undefined && session.user === user ? session : null;
  }

  sweep(): void {
    const now = performance.now();
    for (const session of this.sessions.values()) {
      if (now - session.usedAtMs > idleMs || this.sessions.size >= keptSessions) this.end(session);
    }
  }

  private end(session: PollSession): void {
    this.sessions.delete(session.pollId);
    this.forget(session);
    session.close();
  }

  close(): void {
    for (const session of [...this.sessions.values()]) this.end(session);
  }
}
