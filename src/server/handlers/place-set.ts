/** Sets a host or a card aside, or returns it, by an administrator's word. */
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply, WorkerState } from "../../protocol/requests.ts";
import { type Place, readAsideBook } from "../../run/set-aside.ts";
import type { Context } from "../context.ts";
import { placeText, returnPlace, setAside } from "../set-aside.ts";

/** Every place that the workers tell of, and those that are set aside already. */
function knownPlaces(context: Context): Place[] {
  const workers: WorkerState[] = context.workers.states();
  const told = workers.flatMap(({ host, gpus }): Place[] => [
    { kind: "host", host, gpu: null },
    ...gpus.map((gpu): Place => ({ kind: "gpu", host, gpu: gpu.id ?? String(gpu.index) })),
  ]);
  return [...told, ...readAsideBook(context.base).aside];
}

/** By host; a card by its id, the start of it, or its index, with `HOST/` before it where several hosts have one. Throws `not_found`, `ambiguous`. */
function placeOf(context: Context, kind: Place["kind"], name: string): Place {
  const slash = name.lastIndexOf("/");
  const [host, word] = slash < 0 ? [null, name] : [name.slice(0, slash), name.slice(slash + 1)];
  const byIndex = (place: Place) =>
    context.workers
      .states()
      .some(
        (state) =>
          state.host === place.host && state.gpus.some((gpu) => gpu.id === place.gpu && String(gpu.index) === word),
      );
  const found = knownPlaces(context).filter((place) => {
    if (place.kind !== kind) return false;
    if (kind === "host") return place.host === name;
    if (host !== null && place.host !== host) return false;
    return place.gpu === word || (word.length >= 6 && (place.gpu ?? "").startsWith(word)) || byIndex(place);
  });
  const distinct = new Map(found.map((place) => [`${place.host}/${place.gpu}`, place]));
  const [first] = distinct.values();
  if (first === undefined) {
    throw new MlError("not_found", `no worker tells of a ${kind === "gpu" ? "card" : "host"} \`${name}\``, {
      hint: "`ml workers` lists the hosts and their cards",
    });
  }
  if (distinct.size > 1) {
    throw new MlError("ambiguous", `\`${name}\` may be ${[...distinct.values()].map(placeText).join(" or ")}`, {
      hint: `write \`${first.host}/${word}\``,
    });
  }
  return first;
}

export function placeSet(context: Context, body: ParsedBody<"place.set">): Reply<"place.set"> {
  const place = placeOf(context, body.kind, body.name);
  const { user } = context.asker;
  if (body.aside) setAside(context, place, { by: user, why: body.reason ?? `${user} said so`, runs: [] });
  else returnPlace(context, place, user);
  const detail = `${placeText(place)}${body.reason == null ? "" : `: ${body.reason}`}`;
  context.audit.note(context.asker, { action: body.aside ? "disable" : "enable", detail });
  return { kind: place.kind, host: place.host, gpu: place.gpu, aside: body.aside };
}
