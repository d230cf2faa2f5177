/**
 * GPUs that are kept for somebody for a while. A run of somebody else may have such a card only if it is known to be over
 * before the time begins; a run that is on the card already is not stopped. Pure.
 */
import type { ReservationRecord } from "../run/reservations.ts";
import type { Free } from "./fit.ts";
import { type LineEntry, lastingOf, longestMs } from "./order.ts";
import type { PlanState, Reservation } from "./state.ts";

/** As it stands in the file (run/reservations.ts). */
export function reservationOf(record: ReservationRecord): Reservation {
  const { reservation_id: reservationId, worker, gpu_ids: cardIds, users, from, until } = record;
  return { reservationId, worker, cardIds, users, fromMs: Date.parse(from), toMs: Date.parse(until) };
}

export interface Reserved {
  /** The same, with the cards that are not for this run marked as blocked. */
  without(free: Free, worker: string): Free;
}

export function reservationSentence({ users }: Reservation, untilText: string): string {
  return `reserved for ${users.map((user) => `\`${user}\``).join(" and ")} until ${untilText}`;
}

/** The reservations that keep cards from this run; null where none does. */
export function reservedFor(entry: LineEntry, state: Pick<PlanState, "nowMs" | "reservations">): Reserved | null {
  if (state.reservations.length === 0 || entry.requested.gpus === 0) return null;
  const endMs = state.nowMs + (longestMs(lastingOf(entry)) ?? Infinity);
  const against = state.reservations.filter(
    ({ users, fromMs, toMs }) => !users.includes(entry.user) && state.nowMs < toMs && endMs > fromMs,
  );
  if (against.length === 0) return null;
  return {
    without(free, worker) {
      const here = against.filter((reservation) => reservation.worker === null || reservation.worker === worker);
      if (here.length === 0) return free;
      const cards = free.cards.map((card) => {
        const by = here.find(({ cardIds }) => cardIds.includes(card.id));
        if (by === undefined || card.blocked !== null) return card;
        return { ...card, blocked: reservationSentence(by, new Date(by.toMs).toISOString()) };
      });
      return { ...free, cards };
    },
  };
}

/** What is free of the cards that are kept for this run's user now: there it need not mind who is at the head of the line. */
export function ownReserved(entry: LineEntry, state: Pick<PlanState, "nowMs" | "reservations">, worker: string) {
  const own = state.reservations.filter(
    ({ users, fromMs, toMs, worker: where }) =>
      users.includes(entry.user) && fromMs <= state.nowMs && state.nowMs < toMs && (where === null || where === worker),
  );
  if (own.length === 0) return null;
  const ids = new Set(own.flatMap(({ cardIds }) => cardIds));
  return (free: Free): Free => ({ ...free, cards: free.cards.filter((card) => ids.has(card.id)) });
}
