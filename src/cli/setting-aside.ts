/** Closing a host or a card to new runs and opening it again: one request, two commands. */
import { MlError } from "../core/error.ts";
import type { Context } from "./command.ts";

export interface Aside {
  words: readonly string[];
  aside: boolean;
  reason: string | null;
}

export async function setPlace(context: Context, { words, aside, reason }: Aside): Promise<undefined> {
  const [kind = "", name = ""] = words;
  const verb = aside ? "disable" : "enable";
  if (kind !== "gpu" && kind !== "host") {
    throw new MlError("usage", `\`ml ${verb} ${kind}\`: it is \`gpu\` or \`host\``, { hint: `ml ${verb} gpu 0` });
  }
  const connection = await context.connect();
  const place = await connection.ask("place.set", { kind, name, aside, reason });
  const what = place.kind === "gpu" ? `card ${place.gpu} of ${place.host}` : `host ${place.host}`;
  context.output.result({
    schema: `ml.${verb}/1`,
    value: () => place,
    ids: () => [place.gpu ?? place.host],
    rows: () => [[place.kind, place.host, place.gpu, place.aside]],
    human: () => (aside ? `${what} takes no new runs; what runs there goes on\n` : `${what} takes runs again\n`),
  });
}
