/** Real terminals of several kinds: keys before the picture, copying, the terminal lent to others, polling, screen. */
import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { type Lab, openLab } from "../e2e/lab.ts";
import { afterTest } from "../support/after-test.ts";
import { mlBinary, mlEnv } from "../support/binary.ts";
import { needs } from "../support/require.ts";
import { until } from "../support/temp.ts";
import { openTerminal } from "./tmux.ts";

const held = ["--name", "first", "--hold", "--", "true"];

function openUi(lab: Lab, options: { env?: Record<string, string>; before?: string } = {}) {
  return openTerminal(`${options.before ?? ""}${mlBinary()} monitor --here; echo "it ended with $?"; exec sleep 1000`, {
    cwd: lab.project,
    env: { ...mlEnv({ home: lab.home }), ...options.env },
  });
}

describe("terminals", () => {
  needs("tmux")(
    "a key that is typed before the first picture is kept for it; in tmux a copied id is in its buffer",
    async () => {
      const lab = openLab();
      const runId = await lab.queue(held);
      const ui = openUi(lab);
      ui.press("6");
      await ui.sees("╭ Usage", "● live");
      ui.press("1");
      await ui.sees("first");
      ui.press("y");
      expect(await ui.copied()).toBe(runId);
    },
  );

  needs("tmux", "screen")("in screen it reaches the terminal, and esc leads back", async () => {
    const lab = openLab();
    const runId = await lab.queue(held);
    const env = { SCREENDIR: `${lab.home}/screens` };
    const ui = openUi(lab, { env, before: "screen -ln -U -c /dev/null " });
    // It would outlive its window, as it is made to.
    afterTest(() => Bun.spawnSync(["screen", "-X", "quit"], { env: { ...process.env, ...env } }));
    await ui.sees("╭ Runs", "● live");
    ui.press("y");
    expect(await ui.copied()).toBe(runId);
    await ui.sees(/^ ml · /);
    ui.press("6");
    await ui.sees("╭ Usage");
    // In its first seconds the library may hold an escape back for an answer to come, and screen gives none.
    await until("the list", () => {
      ui.press("Escape");
      return ui.screen().includes("╭ Runs");
    });
  });

  needs("tmux")("an editor has the terminal while it lasts, then the screen is back; ctrl+l mends it", async () => {
    const lab = openLab();
    const runId = await lab.queue(held);
    lab.put("edit.sh", '#!/bin/sh\nread -r answer\nsed -i "s/^priority = .*/priority = $answer/" "$1"\n');
    const ui = openUi(lab, { env: { EDITOR: `${lab.project}/edit.sh` } });
    await ui.sees("first", "● live");
    ui.press("C-e");
    await until("the editor", () => ui.ask("#{alternate_on}") === "0");
    ui.type("9\n");
    await ui.sees("╭ Runs", "p9", "● live");
    const manifest = JSON.parse(readFileSync(`${lab.folder(runId)}/run_manifest.json`, "utf8"));
    expect(manifest.priority).toBe(9);
    Bun.spawnSync(["sh", "-c", `printf '\\033[3;3Hgarbage' > ${ui.ask("#{pane_tty}")}`]);
    await ui.sees("garbage");
    ui.press("C-l");
    await ui.misses("garbage");
    await ui.sees("╭ Runs", "● live");
  });

  needs("tmux")("where WebSockets do not pass it polls, and says so", async () => {
    const lab = openLab();
    await lab.ml(["server", "start"]);
    const { url } = await lab.json<{ url: string }>(["server", "status"]);
    const key = (await lab.ml(["key", "add", "ana", "-q"])).stdout.trim();
    const ui = openUi(lab, { env: { ML_SERVER_URL: url, ML_API_KEY: key, ML_TRANSPORT: "polling" } });
    await ui.sees("Nothing has run yet", "● polling");
    await lab.queue(held);
    await ui.sees("first", "held", "● polling");
  });

  needs("tmux")("[C4] a terminal without colours gets none, one with sixteen only the palette's", async () => {
    const lab = openLab();
    await lab.queue(held);
    const plain = openUi(lab, { before: "TERM=vt100 " });
    await plain.sees("first", "● live");
    expect(plain.colours()).not.toMatch(/\x1b\[[0-9;]*(3[0-7]|4[0-7]|[34]8;)/);
    const sixteen = openUi(lab, { before: "TERM=xterm COLORTERM= " });
    await sixteen.sees("first", "● live");
    const colours = sixteen.colours();
    expect(colours).toMatch(/\x1b\[[0-9;]*3[0-7]m|38;5;\d/);
    expect([...colours.matchAll(/[34]8;5;(\d+)/g)].map((match) => Number(match[1])).filter((at) => at > 15)).toEqual(
      [],
    );
    expect(colours).not.toContain("8;2;");
  });
});
