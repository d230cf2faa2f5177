/** A report through the executable: by a group's name, in all forms into a folder, and what it says where it cannot. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openLab } from "./lab.ts";

const script = `#!/bin/sh
for step in 1 2 3; do printf '{"name":"val_acc","value":0.%s%s,"step":%s,"t":1}\\n' "$2" "$step" "$step"; done >>"$ML_METRICS_FILE"
`;

test("an experiment becomes text, LaTeX and a page with its curves; a second one replaces nothing unasked", async () => {
  const lab = openLab();
  lab.put("say.sh", script);
  for (const [lr, seed] of ["56", "57", "78"].map((text) => [...text]))
    await lab.queue(["--group", "lr", "--", "./say.sh", "--lr", lr ?? "", "--seed", seed ?? ""]);
  expect((await lab.ml(["wait", "--timeout", "60s", "@last", "@last~1", "@last~2"])).code).toBe(0);
  const wrote = await lab.ml(["report", "lr", "-o", "appendix/"]);
  expect(wrote.code).toBe(0);
  const folder = join(lab.project, "appendix");
  expect(readdirSync(folder).sort()).toEqual(["figures", "report.html", "report.md", "report.tex"]);
  expect(readdirSync(join(folder, "figures")).sort()).toEqual(["curve-val-acc.png", "curve-val-acc.svg"]);
  expect(readFileSync(join(folder, "report.html"), "utf8")).toContain("<svg");
  expect((await lab.ml(["report", "lr", "-o", "appendix/"])).code).toBe(7);
  const printed = await lab.ml(["report", "group:lr"]);
  expect(printed.stdout).toContain("| 5 | 2 |");
  const nobody = await lab.ml(["report", "nothing-like-it"]);
  expect([nobody.code, nobody.stdout]).toEqual([3, ""]);
});
