/** `ml annotate` through the executable: by words, by pipe, by editor; never over what was there. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "../support/temp.ts";
import { openLab } from "./lab.ts";

test("notes are added to a sealed run, in order, with author and time", async () => {
  const lab = openLab();
  const run = await lab.queue(["--no-code", "--", "true"]);
  await lab.ml(["wait", run]);
  expect((await lab.ml(["annotate", run, "first", "words"])).code).toBe(0);
  expect((await lab.ml(["annotate", run, "-", "--author", "li"], { input: "from a pipe\nin two lines\n" })).code).toBe(
    0,
  );
  lab.put("editor.sh", "#!/bin/sh\nprintf 'by editor\\n' > \"$1\"\n");
  const edited = lab.terminal(["annotate", run], { env: { EDITOR: join(lab.project, "editor.sh") } });
  expect(await edited.ended).toBe(0);
  const { manifest } = await lab.json<{ manifest: { annotations: { note: string; author: string }[] } }>(["info", run]);
  expect(manifest.annotations.map((one) => one.note)).toEqual([
    "first words",
    "from a pipe\nin two lines",
    "by editor",
  ]);
  expect(manifest.annotations[1]?.author).toBe("li");
  await until("the page", async () => (await lab.ml(["info", run])).stdout.includes("first words"));
  expect((await lab.ml(["annotate", run])).code).toBe(2);
  expect((await lab.ml(["annotate", run, " "])).code).toBe(2);
}, 120_000);
