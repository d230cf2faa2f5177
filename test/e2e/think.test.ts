/** Thinking with runs through the executable: the editor before and after, a review on a terminal, pictures, comparison. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mlBinary, mlEnv } from "../support/binary.ts";
import { until } from "../support/temp.ts";
import { bare, openLab } from "./lab.ts";

interface Info {
  manifest: { narrative: Record<string, unknown> };
  expectation: { proposed: string } | null;
}

const script = `#!/bin/sh
printf '{"name":"val_acc","value":0.%s,"step":1,"t":1}\\n{"name":"val_acc","value":0.%s,"step":2,"t":2}\\n' "$1" "$2" >>"$ML_METRICS_FILE"
`;

/** An editor that runs a sed script on the file. */
const editor = (path: string, sed: string) => `#!/bin/sh\nsed -i '${sed}' "$1"\n# ${path}\n`;

test("what is typed in the editor is kept, whatever becomes of it", async () => {
  const lab = openLab();
  lab.put("say.sh", editor("say", "s/^hypothesis:$/hypothesis: it works/; s/^expect:$/expect: completes/"));
  const env = { EDITOR: join(lab.project, "say.sh") };
  const queued = lab.terminal(["queue", "-e", "-f", "--no-code", "--", "true"], { env });
  expect(await queued.ended).toBe(0);
  const info = await lab.json<Info>(["info", "@last"]);
  expect(info.manifest.narrative).toMatchObject({ hypothesis: "it works", expected_outcome: "completes" });
  expect(info.expectation?.proposed).toBe("validates");
  expect((await lab.ml(["conclude", "@last", "--as-proposed", "--learned", "true is true"])).code).toBe(0);
  const all = ["conclude", "--where", "has:hypothesis", "--partial", "--learned", "so far"];
  expect((await lab.ml(all)).stderr).toContain("add `--yes`");
  expect((await lab.json<Info>(["info", "@last"])).manifest.narrative.validation_status).toBe("validates");
  expect((await lab.ml([...all, "--yes"])).code).toBe(0);
  expect((await lab.json<Info>(["info", "@last"])).manifest.narrative).toMatchObject({
    validation_status: "partial",
    learnings: ["true is true", "so far"],
  });
  expect((await lab.ml(["conclude", "--where", "has:hypothesis", "--as-proposed"])).code).toBe(2);
  expect((await lab.ml(["conclude", "@last", "--validates"])).code).toBe(0);

  lab.put("slip.sh", editor("slip", "s/^verdict: .*/verdict: refuted/"));
  const slipped = lab.terminal(["narrative", "edit", "@last"], { env: { EDITOR: join(lab.project, "slip.sh") } });
  expect(await slipped.ended).toBe(2);
  const kept = /typed is in (\S+?):/.exec(bare(slipped.screen()).replaceAll("\n", ""))?.[1] ?? "";
  expect(readFileSync(kept, "utf8")).toContain("verdict: refuted");
  expect((await lab.json<Info>(["info", "@last"])).manifest.narrative.validation_status).toBe("validates");
  const mended = readFileSync(kept, "utf8").replace("verdict: refuted", "verdict: refutes");
  lab.put("mended.txt", mended);
  expect((await lab.ml(["narrative", "edit", "@last", "--from", "mended.txt"])).code).toBe(0);
  expect((await lab.json<Info>(["info", "@last"])).manifest.narrative.validation_status).toBe("refutes");
  lab.put("lose.sh", '#!/bin/sh\nrm "$1"\n');
  const lost = lab.terminal(["narrative", "edit", "@last"], { env: { EDITOR: join(lab.project, "lose.sh") } });
  expect(await lost.ended).toBe(0);
  expect((await lab.ml(["lessons"])).stdout).toContain("true is true");
  expect((await lab.ml(["dead-ends"])).stdout).toContain("it works");
}, 120_000);

test("a review gives verdicts by keys; a comparison and pictures come of what was logged", async () => {
  const lab = openLab();
  lab.put("train.sh", script);
  const a = await lab.queue(["--expect", "val_acc>0.8", "--group", "g", "./train.sh", "5", "6"]);
  const b = await lab.queue(["--expect", "val_acc>0.8", "--group", "g", "--parent", a, "./train.sh", "8", "9"]);
  await lab.ml(["wait", a, b]);
  const review = lab.terminal(["review"]);
  await until("the first question", () => bare(review.screen()).includes("1 of 2"));
  review.type("\r");
  await until("the outcome", () => bare(review.screen()).includes("outcome"));
  review.type("as hoped\rmore is better\r\r\r");
  await until("the second question", () => bare(review.screen()).includes("2 of 2"));
  review.type("q");
  expect(await review.ended).toBe(0);
  const judged = (await lab.json<Info>(["info", b])).manifest.narrative;
  expect(judged).toMatchObject({ validation_status: "validates", outcome: "as hoped", learnings: ["more is better"] });
  expect((await lab.json<Info>(["info", a])).manifest.narrative.validation_status).toBeNull();

  const compared = await lab.ml(["compare", "--group", "g", "--format", "csv", "--metric", "val_acc"]);
  expect(compared.stdout.split("\r\n")[0]).toStartWith("run,val_acc");
  expect((await lab.ml(["why-different", a, b])).stdout).toContain("cannot tell");
  expect((await lab.ml(["lineage", a])).stdout).toContain("└─");
  const drawn = await lab.ml(["plot", a, b, "val_acc", "--svg", "x.svg", "--png", "x.png", "--html", "x.html"]);
  expect(drawn.code).toBe(0);
  for (const name of ["x.svg", "x.png", "x.html"]) expect(existsSync(join(lab.project, name))).toBe(true);
  expect((await lab.ml(["plot", a, "nothing"])).code).toBe(3);
  const turned = await lab.ml(["plot", "val_acc", a]);
  expect([turned.code, turned.stderr]).toEqual([2, expect.stringContaining(`hint: \`ml plot ${a} val_acc\``)]);
}, 120_000);

test("a command with nothing to say leaves alone what stands in the file that it writes to", async () => {
  const lab = openLab();
  await lab.queue(["--no-code", "--", "true"]);
  const shell = Bun.spawn(["sh", "-c", 'echo before >out.txt; "$1" lessons >>out.txt', "sh", mlBinary()], {
    cwd: lab.project,
    env: mlEnv({ home: lab.home }),
    stderr: "ignore",
  });
  expect(await shell.exited).toBe(0);
  expect(readFileSync(join(lab.project, "out.txt"), "utf8")).toBe("before\n");
}, 120_000);
