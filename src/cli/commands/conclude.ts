/** `ml conclude RUN`: the verdict on its hypothesis, what came out, what was learned, what to do next; all in one line. */
import type { Connection } from "../../client/connection.ts";
import { MlError } from "../../core/error.ts";
import type { NarrativeChange } from "../../think/narrative-change.ts";
import { type Verdict, verdicts } from "../../think/narrative-field.ts";
import { batchFlags, changedSchema, changeNarratives } from "../change-narratives.ts";
import { type Arguments, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";

const flags = {
  validates: flag.on("the run confirms its hypothesis"),
  refutes: flag.on("the run speaks against it"),
  inconclusive: flag.on("it cannot be told"),
  partial: flag.on("some of it holds"),
  asProposed: flag.on("take the verdict that follows from what was expected"),
  outcome: flag.text("TEXT", "what came out"),
  learned: flag.texts("TEXT", "what was learned; may be repeated"),
  next: flag.texts("TEXT", "what to do next; may be repeated"),
  ...batchFlags,
};
type Flags = Arguments<typeof flags>["flags"];

/** Throws `usage` for two verdicts at once. */
function typedVerdict(given: Flags): Verdict | null {
  const chosen = verdicts.filter((verdict) => given[verdict]);
  if (chosen.length + (given.asProposed ? 1 : 0) > 1)
    throw new MlError("usage", "a run has one verdict, and several were given");
  return chosen[0] ?? null;
}

/** What the expectation proposes. Throws `usage` where it proposes nothing. */
async function proposedVerdict(connection: Connection, target: string): Promise<Verdict> {
  const { expectation, kind } = await connection.ask("narrative.get", { target });
  if (expectation?.proposed != null) return expectation.proposed;
  const why =
    kind === "group"
      ? "it is a group"
      : expectation === null || expectation.checks.length === 0
        ? "it was queued without an expectation that can be checked"
        : "it has not ended";
  throw new MlError("usage", `no verdict can be proposed for \`${target}\`: ${why}`, {
    hint: "say it: `--validates`, `--refutes`, `--inconclusive` or `--partial`",
  });
}

export const command = defineCommand({
  name: "conclude",
  group: "think",
  summary: "say what came of a run: verdict, outcome, lessons, next steps",
  about:
    "Lessons and next steps are added to those that are there; verdict and outcome replace what stood there, and history.jsonl keeps what that was. Works at any time, also long after the run was sealed, and on a group.",
  positionals: [{ name: "RUN", about: "which runs; or `group:NAME`", optional: true, many: true, complete: "run" }],
  flags,
  examples: [
    [
      'ml conclude @last --refutes --outcome "diverged at step 300" --learned "lr 1e-3 is too high without warmup"',
      "verdict and lesson",
    ],
    ["ml conclude k3f9ab --as-proposed", "confirm what the expectation says"],
    ['ml conclude --where "group:bs lr>=1e-2" --refutes --learned "lr 1e-2 diverges"', "all that a search means"],
  ],
  schemas: { "ml.conclude/1": changedSchema },
  async run(context, args) {
    const targets = args.words;
    const { flags: given } = args;
    const typed = typedVerdict(given);
    const nothing = typed === null && !given.asProposed && given.outcome === null;
    if (nothing && given.learned.length + given.next.length === 0) {
      const whom = targets[0] ?? "RUN";
      throw new MlError("usage", targets.length === 0 ? "nothing was said" : `nothing was said about \`${whom}\``, {
        hint: `ml conclude ${whom} --validates --outcome "…" --learned "…" --next "…"`,
      });
    }
    if (given.asProposed && (targets.length !== 1 || given.where !== null))
      throw new MlError(
        "usage",
        "each run's expectation proposes a verdict of its own: `--as-proposed` takes one run",
        {
          hint: "ml review",
        },
      );
    const verdict = given.asProposed ? await proposedVerdict(await context.connect(), targets[0] ?? "") : typed;
    const change: NarrativeChange = {
      set: {
        ...(verdict === null ? {} : { validation_status: verdict }),
        ...(given.outcome === null ? {} : { outcome: given.outcome }),
      },
      add: { learnings: given.learned, next_steps: given.next },
    };
    await changeNarratives(context, change, { targets, ...given, schema: "ml.conclude/1" });
    return undefined;
  },
});
