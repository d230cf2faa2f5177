/** `ml reserve add·list·remove`: GPUs that an administrator keeps for some users for a while. */
import { isoTime } from "../../core/clock.ts";
import { parseDuration } from "../../core/duration.ts";
import { MlError } from "../../core/error.ts";
import { localZone } from "../../core/hours.ts";
import { readZoneAhead } from "../../core/local-offset.ts";
import { parseMoment } from "../../core/moment.ts";
import { safeText } from "../../view/safe-text.ts";
import { fullTime } from "../../view/time.ts";
import { type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { serverNowMs } from "../page.ts";
import { textTable } from "../text-table.ts";

interface Row {
  reservation_id: string;
  worker: string | null;
  gpu_ids: string[];
  users: string[];
  from: string;
  until: string;
  note: string | null;
  by: string;
}

function table(context: Context, rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    ...[row.reservation_id, String(row.gpu_ids.length), safeText(row.worker ?? "any"), safeText(row.users.join(", "))],
    ...[fullTime(row.from) ?? "", fullTime(row.until) ?? "", safeText(row.note ?? "")],
  ]);
  const heading = (text: string) => context.output.paint("dim", text);
  return textTable(["reservation", "GPUs", "on", "for", "from", "until", "note"], cells, { heading });
}

const plain = (row: Row) => [
  ...[row.reservation_id, row.worker, row.gpu_ids.join(" "), row.users.join(" "), row.from, row.until],
  ...[row.note, row.by],
];

const add = defineCommand({
  name: "add",
  group: "queue",
  summary: "keep GPUs for users from one moment to another",
  about:
    "Runs of others that are not known to be over by then do not get those cards; what runs on them already is not stopped, and is named. Only an administrator may.",
  positionals: [{ name: "USER", about: "for whom", many: true }],
  flags: {
    gpus: flag.number("N", "how many; default 1", { least: 1, most: 1024, whole: true }),
    from: flag.text("TIME", "when it begins: `9:00`, `tomorrow 8:00`, `2026-11-27 08:00`, `+2h`; default: now"),
    until: flag.text("TIME", "when it ends"),
    for: flag.text("DURATION", "how long it lasts, such as `4h`, in place of --until"),
    worker: flag.text("NAME", "on this machine"),
    note: flag.text("TEXT", "what for"),
  },
  examples: [["ml reserve add ana --gpus 2 --from 'tomorrow 9:00' --for 4h --note demo", "two cards for ana tomorrow"]],
  schemas: { "ml.reserve.add/1": "`reservation`, `busy`: runs that may still be on the cards when it begins" },
  async run(context, args) {
    const { gpus, from, until, for: lasts, worker, note } = args.flags;
    if ((until === null) === (lasts === null)) {
      throw new MlError("usage", "a reservation has an end: give one of `--until` and `--for`", {
        hint: "ml reserve add USER --from 'tomorrow 9:00' --for 4h",
      });
    }
    const connection = await context.connect();
    const clock = { nowMs: serverNowMs(connection), zone: localZone };
    const fromMs = from === null ? clock.nowMs : parseMoment(from, "`--from`", clock);
    const untilMs =
      lasts === null ? parseMoment(until ?? "", "`--until`", clock) : fromMs + parseDuration(lasts, "duration", "h");
    const users = args.words.flatMap((word) => word.split(",")).filter(Boolean);
    const span = { from: isoTime(fromMs), until: isoTime(untilMs) };
    const reply = await connection.ask("reservation.add", { gpus: gpus ?? 1, users, ...span, worker, note });
    if (context.output.mode === "human") await readZoneAhead();
    for (const run of reply.busy)
      context.output.say(`note: run ${run} is on one of the cards and may not have ended by then; it is not stopped`);
    context.output.result({
      schema: "ml.reserve.add/1",
      value: () => reply,
      ids: () => [reply.reservation.reservation_id],
      rows: () => [plain(reply.reservation)],
      human: () => table(context, [reply.reservation]),
    });
    return undefined;
  },
});

const list = defineCommand({
  name: "list",
  group: "queue",
  summary: "what is reserved",
  positionals: [],
  flags: {},
  examples: [["ml reserve list", "all reservations that are not over"]],
  schemas: {
    "ml.reserve.list/1":
      "`reservations`: each `reservation_id`, `worker`, `gpu_ids`, `users`, `from`, `until`, `note`, `by`, `made_at`",
  },
  async run(context) {
    const connection = await context.connect();
    const { reservations } = await connection.ask("reservation.list", {});
    if (context.output.mode === "human") await readZoneAhead();
    context.output.result({
      schema: "ml.reserve.list/1",
      value: () => ({ reservations }),
      ids: () => reservations.map((one) => one.reservation_id),
      rows: () => reservations.map(plain),
      human: () => (reservations.length === 0 ? "nothing is reserved\n" : table(context, reservations)),
    });
    return undefined;
  },
});

const remove = defineCommand({
  name: "remove",
  group: "queue",
  summary: "end a reservation before its time",
  positionals: [{ name: "RESERVATION", about: "its id, as `ml reserve list` shows it" }],
  flags: {},
  examples: [["ml reserve remove res_k3f9ab", "the cards are for everybody again"]],
  schemas: { "ml.reserve.remove/1": "`reservation`" },
  async run(context, args) {
    const connection = await context.connect();
    const { reservation } = await connection.ask("reservation.remove", { reservation_id: args.words[0] ?? "" });
    context.output.result({
      schema: "ml.reserve.remove/1",
      value: () => ({ reservation }),
      ids: () => [reservation.reservation_id],
      rows: () => [plain(reservation)],
      human: () => `removed ${reservation.reservation_id}\n`,
    });
    return undefined;
  },
});

export const command = defineCommand({
  name: "reserve",
  group: "queue",
  summary: "keep GPUs for some users for a while",
  positionals: [],
  flags: {},
  examples: [],
  actions: { add, list, remove },
  async run() {
    throw new MlError("usage", "`ml reserve` wants an action", {
      hint: "ml reserve add USER --for 4h, ml reserve list, ml reserve remove RESERVATION",
    });
  },
});
