/** GPUs kept for some users for a while: listed for everybody, made and removed by administrators. */
import { isoTime } from "../../core/clock.ts";
import { MlError } from "../../core/error.ts";
import { randomWord } from "../../core/ids.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import {
  mostReservations,
  type ReservationRecord,
  readReservations,
  writeReservations,
} from "../../run/reservations.ts";
import type { Context } from "../context.ts";

const cardsText = (count: number) => (count === 1 ? "a GPU" : `${count} GPUs`);

/** Those that are not over. */
function current(context: Context): ReservationRecord[] {
  const nowMs = context.clock.nowMs();
  return readReservations(context.base.reservations).filter(({ until }) => Date.parse(until) > nowMs);
}

export function reservationList(context: Context): Reply<"reservation.list"> {
  return { reservations: current(context) };
}

/** The cards of one machine that are free of other reservations in that time; the last ones, so that the first stay for all. */
function cardsFor(context: Context, body: ParsedBody<"reservation.add">, others: readonly ReservationRecord[]) {
  const [from, until] = [Date.parse(body.from), Date.parse(body.until)];
  const overlapping = others.filter((other) => Date.parse(other.from) < until && Date.parse(other.until) > from);
  let most = 0;
  for (const state of context.workers.states()) {
    if (!state.alive || (body.worker != null && state.worker !== body.worker)) continue;
    const taken = overlapping.filter(({ worker }) => worker === null || worker === state.worker);
    const free = state.gpus.filter((gpu) => !taken.some((other) => other.gpu_ids.includes(gpu.id)));
    most = Math.max(most, free.length);
    if (free.length < body.gpus) continue;
    const cards = free.sort((a, b) => a.index - b.index).slice(-body.gpus);
    const ids = cards.map((card) => card.id);
    const busy = state.holding.filter(
      ({ cards: held, ends_at }) =>
        held.some((card) => ids.includes(card.id)) && (ends_at === null || Date.parse(ends_at) > from),
    );
    return { worker: state.worker, gpu_ids: ids, busy: busy.filter((run) => !body.users.includes(run.user)) };
  }
  const where = body.worker == null ? "any machine" : `worker \`${body.worker}\``;
  throw new MlError(
    "refused",
    `${cardsText(body.gpus)} cannot be reserved on ${where}: ${most} can be had in that time`,
    {
      hint: "`ml reserve list` shows what is reserved, `ml gpus` what there is",
    },
  );
}

export function reservationAdd(context: Context, body: ParsedBody<"reservation.add">): Reply<"reservation.add"> {
  const { asker, clock } = context;
  if (Date.parse(body.until) <= Math.max(Date.parse(body.from), clock.nowMs()))
    throw new MlError("usage", "a reservation ends after it begins, and in the future");
  const others = current(context);
  if (others.length >= mostReservations)
    throw new MlError("refused", `there are ${others.length} reservations, and more are not kept`);
  const { busy, ...where } = cardsFor(context, body, others);
  const reservation: ReservationRecord = {
    reservation_id: `res_${randomWord(6)}`,
    ...where,
    users: body.users,
    from: isoTime(Date.parse(body.from)),
    until: isoTime(Date.parse(body.until)),
    note: body.note ?? null,
    by: asker.user,
    made_at: isoTime(clock.nowMs()),
  };
  writeReservations(context.base.reservations, [...others, reservation]);
  const detail = `${reservation.reservation_id}: ${cardsText(body.gpus)} of ${where.worker} for ${body.users.join(", ")}, ${reservation.from} to ${reservation.until}`;
  context.audit.note(asker, { action: "reservation.add", detail });
  context.pokeWorker();
  return { reservation, busy: busy.map((run) => run.run_id) };
}

export function reservationRemove(
  context: Context,
  body: ParsedBody<"reservation.remove">,
): Reply<"reservation.remove"> {
  const all = current(context);
  const reservation = all.find((one) => one.reservation_id === body.reservation_id);
  if (reservation === undefined) {
    throw new MlError("not_found", `there is no reservation \`${body.reservation_id}\``, {
      hint: "`ml reserve list` shows them",
    });
  }
  writeReservations(
    context.base.reservations,
    all.filter((one) => one !== reservation),
  );
  context.audit.note(context.asker, { action: "reservation.remove", detail: reservation.reservation_id });
  context.pokeWorker();
  return { reservation };
}
