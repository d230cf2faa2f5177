/** `ml validate RUN`: named checks with expected and actual; exit code 8 where one that counts has failed. */
import type { ReproLevel, RunCheck, Validation } from "../../protocol/keep.ts";
import { checkPage } from "../../view/check-page.ts";
import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { faceOf, pageText, serverNowMs } from "../page.ts";

/** Reading a large run takes as long as its disk needs. */
const patienceMs = 4 * 3600_000;

export const command = defineCommand({
  name: "validate",
  group: "keep",
  summary: "check a run against its own record",
  about: [
    "Every file against SHA256SUMS, the manifest against the files, the code against its hashes, the order of times, and what was written down about data, container and environment. What `ml prune` took away on purpose is counted, not called damage.",
    "Levels: `none` reads the manifest alone; `basic` finds damage; `strict` also asks for what it takes to run the same elsewhere: a pushed commit, pinned packages, a seed. Without --level it is the level that the run was queued with. Ends with 8 where a check has failed.",
  ].join("\n\n"),
  positionals: [{ name: "RUN", about: "ended runs", many: true, complete: "run" }],
  flags: { level: flag.choice(["none", "basic", "strict"], "how much to ask; default: the run's own, mostly basic") },
  examples: [
    ["ml validate @last", "is everything as it was sealed?"],
    ["ml validate k3f9ab --level strict", "could somebody else run it again?"],
  ],
  schemas: {
    "ml.validate/1":
      "`runs`: each with `run_id`, `level`, `valid`, `checks` (each `name`, `level`, `state` ok, failed, unknown or skipped, `expected`, `actual`, `evidence`, `cure`), `files`, `size_bytes`, `took_ms`",
  },
  async run(context, args) {
    const connection = await context.connect();
    const { run_ids: runIds } = await connection.ask("run.resolve", { runs: args.words, many: true });
    const found: Validation[] = [];
    for (const run of runIds) {
      const body = { run, level: args.flags.level as ReproLevel | null };
      const validation = await connection.ask("run.validate", body, { timeoutMs: patienceMs });
      await seeCommitHere(validation, context.cwd);
      found.push(validation);
    }
    const { output } = context;
    output.result({
      schema: "ml.validate/1",
      value: () => ({ runs: found }),
      ids: () => found.filter((run) => run.valid).map((run) => run.run_id),
      rows: () =>
        found.flatMap((run) =>
          run.checks.map((check) => [run.run_id, check.name, check.state, check.expected, check.actual]),
        ),
      human() {
        const face = faceOf(output, serverNowMs(connection));
        return found.map((run) => pageText(checkPage(run, face), output)).join("\n");
      },
    });
    return found.every((run) => run.valid) ? 0 : 8;
  },
});

/** The server knows what git said then; whether the commit can be had here, only this machine knows. */
async function seeCommitHere({ checks }: Validation, cwd: string): Promise<void> {
  const check = checks.find(
    (one): one is RunCheck & { actual: string } => one.name === "commit" && one.actual !== null,
  );
  const commit = /^[0-9a-f]{12,}/.exec(check?.actual ?? "")?.[0];
  if (check === undefined || commit === undefined) return;
  const { callGit } = await import("../../transfer/git-call.ts");
  const answer = await callGit(["cat-file", "-e", `${commit}^{commit}`], { cwd, timeoutMs: 2000 });
  if (answer.problem === null) check.evidence.push(`commit ${commit} is in the checkout here`);
}
