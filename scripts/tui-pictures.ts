/** `bun scripts/tui-pictures.ts`: docs/pictures/*.svg, frames of the terminal UI on a server as the sandbox fills it. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commands } from "../src/cli/commands.ts";
import { connect } from "../src/client/connect.ts";
import { parseTarget } from "../src/client/target.ts";
import { App } from "../src/tui/app.ts";
import { makeKeymap } from "../src/tui/keys.ts";
import { rasterise } from "../src/tui/raster.ts";
import { frameSvg } from "./frame-svg.ts";
import { fillPresent, openSandbox } from "./sandbox.ts";

interface Picture {
  name: string;
  title: string;
  size: readonly [columns: number, rows: number];
  /** Keys as src/tui/keys.ts names them; after `+` a text that is typed. */
  keys: readonly string[];
  mono?: boolean;
  ascii?: boolean;
}

const pictures: readonly Picture[] = [
  { name: "runs", title: "The runs of a server", size: [120, 34], keys: [] },
  { name: "runs-wide", title: "Runs and the log of one", size: [200, 50], keys: ["l"] },
  { name: "log", title: "A log that is followed", size: [80, 24], keys: ["l"] },
  { name: "metrics", title: "A metric as a curve", size: [100, 30], keys: ["m"] },
  {
    name: "narrative",
    title: "The narrative of a run",
    size: [120, 34],
    keys: ["/", "+early loss spikes", "enter", "n"],
  },
  { name: "queue", title: "The waiting line", size: [120, 24], keys: ["2", "j"] },
  {
    name: "compare",
    title: "Two runs compared",
    size: [110, 30],
    keys: ["/", "+group:lr", "enter", "space", "space", "="],
  },
  { name: "data", title: "Datasets, and what is warm", size: [120, 24], keys: ["4"] },
  { name: "sweep", title: "A sweep", size: [100, 30], keys: ["/", "+lr-sweep", "enter", "S", "s"] },
  { name: "chord", title: "What may follow a key", size: [100, 24], keys: ["i"] },
  {
    name: "diff",
    title: "How two runs differ",
    size: [100, 30],
    keys: ["/", "+group:lr", "enter", "space", "space", "i", "d"],
  },
  { name: "help", title: "The keys", size: [100, 30], keys: ["?"] },
  {
    name: "requeue",
    title: "A run again with other arguments",
    size: [100, 30],
    keys: ["/", "+batch_128", "enter", "r"],
  },
  { name: "mono", title: "Without colours", size: [80, 24], keys: [], mono: true },
  { name: "ascii", title: "Without colours, in ASCII", size: [80, 24], keys: [], mono: true, ascii: true },
];

const folder = join(import.meta.dir, "../docs/pictures");
const sandbox = await openSandbox({ pastRuns: 400 });
try {
  await fillPresent(sandbox);
  await Bun.sleep(20_000);
  mkdirSync(folder, { recursive: true });
  const { socket } = JSON.parse(readFileSync(join(sandbox.home, ".ml/data/server.json"), "utf8")) as { socket: string };
  for (const { name, title, size, keys, mono = false, ascii = false } of pictures) {
    const target = parseTarget(socket, { key: null, ca: null });
    const connection = await connect(async () => target, { transport: "auto", warn() {} });
    const screen = { copy: () => true, suspend() {}, lend: async () => 0, repaint() {}, quit() {} };
    const runCommand = async () => ({ code: 0, stdout: "", stderr: "" });
    const app = new App({
      ...{ connection, keymap: makeKeymap(null), unicode: !ascii, readonly: false },
      ...{ screen, runCommand, onChange() {}, commands: new Set(commands.map((command) => command.name)) },
    });
    await app.start();
    const [width, height] = size;
    const settle = async () => {
      for (let turn = 0; turn < 15; turn++) {
        app.frame(width, height);
        await Bun.sleep(30);
      }
    };
    await settle();
    for (const key of keys) {
      const editor = app.frame(width, height).editors.find((one) => one.focused);
      if (key.startsWith("+") && editor !== undefined) app.edited(editor.name, key.slice(1));
      else app.key(key);
      await settle();
    }
    const grid = rasterise(app.frame(width, height), { colour: !mono, greyed: false });
    writeFileSync(join(folder, `tui-${name}.svg`), frameSvg(grid, title));
    process.stdout.write(`docs/pictures/tui-${name}.svg\n`);
    app.close();
    connection.close();
  }
} finally {
  await sandbox.end();
}
