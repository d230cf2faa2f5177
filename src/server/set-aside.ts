/**
 * Sets a host or a card aside on which everything fails, until an administrator returns it (`ml enable`). What is set aside
 * stands in `set-aside.json`, which the workers keep; `ml status` says it with the command that ends it.
 */
import { isoTime } from "../core/clock.ts";
import { messageOf } from "../core/error.ts";
import { serverName } from "../run/history.ts";
import type { RunRecord } from "../run/run-record.ts";
import { type Place, readAsideBook, type SetAside, samePlace, writeAsideBook } from "../run/set-aside.ts";
import { badPlace } from "../schedule/bad-place.ts";
import type { Services } from "./context.ts";

/** So many of the newest ended runs are looked through. */
const looked = 300;

/** The start of a UUID, as much as `ml enable` wants to know a card. */
const shortCard = (gpu: string | null) => gpu?.replace(/^((?:GPU|MIG)-[0-9a-f]{8})-.*$/, "$1") ?? "";

export function placeText({ kind, host, gpu }: Place): string {
  return kind === "host" ? `host \`${host}\`` : `card \`${shortCard(gpu)}\` of \`${host}\``;
}

/** What to type to have it back. */
export function returnCommand({ kind, host, gpu }: Place): string {
  return kind === "host" ? `ml enable host ${host}` : `ml enable gpu ${shortCard(gpu)}`;
}

const keyOf = ({ kind, host, gpu }: Place) => `set aside ${kind} ${host} ${gpu}`;

function tell(services: Services, entry: SetAside): void {
  const sentence = `${placeText(entry)} is set aside: ${entry.why}; \`${returnCommand(entry)}\` returns it`;
  services.problems.set(keyOf(entry), sentence);
}

/** At the start of a server. */
export function tellOfPlaces(services: Services): void {
  for (const entry of readAsideBook(services.base).aside) tell(services, entry);
}

/** Nothing is started there from now on. Throws system errors. */
export function setAside(services: Services, place: Place, said: Pick<SetAside, "by" | "why" | "runs">): void {
  const book = readAsideBook(services.base);
  const { kind, host, gpu } = place;
  const entry: SetAside = { kind, host, gpu, since: isoTime(services.clock.nowMs()), ...said };
  const others = book.aside.filter((each) => !samePlace(each, place));
  writeAsideBook(services.base, { ...book, aside: [...others, entry] });
  tell(services, entry);
  services.log.say("warn", "set aside", { place: placeText(place), why: said.why });
  services.pokeWorker();
}

/** Throws system errors. */
export function returnPlace(services: Services, { kind, host, gpu }: Place, by: string): void {
  const book = readAsideBook(services.base);
  const place = { kind, host, gpu };
  const at = isoTime(services.clock.nowMs());
  writeAsideBook(services.base, {
    aside: book.aside.filter((each) => !samePlace(each, place)),
    returned: [...book.returned.filter((each) => !samePlace(each, place)), { ...place, at, by }],
  });
  services.problems.set(keyOf(place), null);
  services.pokeWorker();
}

/** Nobody else has a key, or runs here. */
function isAlone({ catalog, keys }: Services, user: string): boolean {
  return !catalog.hasSeveralUsers && keys.list().every((key) => key.user === user);
}

/** A run was read again: where it failed, looks at the places that it was on. Throws nothing. */
export function considerPlaces(services: Services, { run_id: runId, status, host }: RunRecord): void {
  const limit = services.settings.set_aside_after;
  if (status !== "failed" || host === null || limit < 1) return;
  try {
    const past = services.catalog.past.newest(looked);
    const run = past.find((each) => each.run_id === runId);
    if (run === undefined) return;
    const book = readAsideBook(services.base);
    const oneUser = isAlone(services, run.user);
    const cards = run.gpu_ids.map((gpu): Place => ({ kind: "gpu", host, gpu }));
    for (const place of [...cards, { kind: "host", host, gpu: null } satisfies Place]) {
      if (book.aside.some((each) => samePlace(each, place))) continue;
      const returned = book.returned.find((each) => samePlace(each, place));
      const afterMs = returned === undefined ? 0 : Date.parse(returned.at);
      const evidence = badPlace(past, place, { limit, afterMs, oneUser });
      if (evidence === null) continue;
      const { kind, why, runs } = evidence;
      const which = runs.length === 1 ? `run \`${runs[0]}\`` : `the last ${runs.length} runs on it`;
      const sentence = `${which} failed there (${kind}${why === null ? "" : `: ${why}`})`;
      setAside(services, place, { by: serverName, why: sentence, runs });
    }
  } catch (cause) {
    services.log.say("warn", "setting a place aside failed", { run: runId, why: messageOf(cause) });
  }
}
