/** Output: colour, locale, the four modes, progress, errors, the unit file; no terminal needed. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { completionScripts } from "../../../src/cli/completion-scripts.ts";
import { plainCell } from "../../../src/cli/printer.ts";
import { makeProgress, progressText } from "../../../src/cli/progress.ts";
import { errorText, reportError } from "../../../src/cli/report-error.ts";
import { serverEnvironment } from "../../../src/cli/start-server.ts";
import { systemdUnit, unitWord } from "../../../src/cli/systemd-unit.ts";
import { isUtf8, wantsColour } from "../../../src/cli/terminal.ts";
import { MlError } from "../../../src/core/error.ts";
import { tempFolder } from "../../support/temp.ts";

const wish = { flag: null, setting: "auto" };

describe("[C4] colour and characters", () => {
  test("[C4] --color goes before FORCE_COLOR, that before NO_COLOR, that before the setting, that before the terminal", () => {
    expect(wantsColour({ FORCE_COLOR: "1" }, true, { flag: "never", setting: "auto" })).toBe(false);
    expect(wantsColour({ NO_COLOR: "1" }, false, { flag: "always", setting: "auto" })).toBe(true);
    expect(wantsColour({ FORCE_COLOR: "1", NO_COLOR: "1" }, false, wish)).toBe(true);
    expect(wantsColour({ FORCE_COLOR: "0" }, true, wish)).toBe(false);
    expect(wantsColour({ NO_COLOR: "1" }, true, { flag: null, setting: "always" })).toBe(false);
    expect(wantsColour({}, false, { flag: null, setting: "always" })).toBe(true);
    expect([wantsColour({}, true, wish), wantsColour({}, false, wish)]).toEqual([true, false]);
    expect(wantsColour({ TERM: "dumb" }, true, wish)).toBe(false);
  });

  test("[C4] UTF-8 is what the locale says, LC_ALL first", () => {
    expect(isUtf8({ LANG: "en_GB.UTF-8" })).toBe(true);
    expect(isUtf8({ LANG: "en_GB.UTF-8", LC_ALL: "C" })).toBe(false);
    expect(isUtf8({})).toBe(false);
    expect(isUtf8({ LC_CTYPE: "C.utf8" })).toBe(true);
  });
});

test("a plain field is one line without tabs, and can be turned back", () => {
  expect(plainCell("a\tb\nc\\d")).toBe("a\\tb\\nc\\\\d");
  expect([plainCell(null), plainCell(0), plainCell(false)]).toEqual(["", "0", "false"]);
});

describe("an error", () => {
  test("is a sentence, a cause and a hint, each on its line", () => {
    const error = new MlError("usage", "there is no `x`", { cause: "because", hint: "ml y" });
    expect(errorText(error, { colour: false })).toBe("ml: there is no `x`\ncause: because\nhint: ml y\n");
  });

  test("[S6] passes on no escape sequence of a name", () => {
    const text = errorText(new MlError("failed", "run `\x1b]0;evil\x07\x1b[2J`"), { colour: false });
    expect(text).not.toContain("\x1b");
    expect(text).not.toContain("\x07");
  });
});

test("what nobody foresaw is our bug: exit 70, and the trace in a file for its owner, without what was typed", async () => {
  const home = tempFolder();
  const options = { json: true, colour: false, home, commandLine: ["queue", "--key", "secret"] };
  expect(await reportError(new TypeError("x is undefined"), options)).toBe(70);
  const [name = ""] = readdirSync(join(home, "traces"));
  const path = join(home, "traces", name);
  const text = readFileSync(path, "utf8");
  expect(text).toContain("x is undefined");
  expect(text).toContain("ml queue");
  expect(text).not.toContain("secret");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await reportError(Object.assign(new Error("x"), { code: "EPIPE" }), options)).toBe(141);
});

describe("progress", () => {
  test("names share, rate and time left", () => {
    const state = { done: 5_000_000, total: 10_000_000, elapsedMs: 5000 };
    expect(progressText("sending", state, { unit: "bytes", unicode: false, barColumns: 4 })).toBe(
      "sending [##--] 50 % (5.0 MB of 10 MB, 1.0 MB/s, 5.0 s left)",
    );
    expect(progressText("reading", { ...state, total: null }, { unit: "items", unicode: true, barColumns: 4 })).toBe(
      "reading 5000000, 1000000/s",
    );
  });

  test("short work shows none", () => {
    const printed: string[] = [];
    const progress = makeProgress("x", {
      unit: "items",
      columns: 80,
      unicode: true,
      silent: false,
      print: (text) => printed.push(text),
    });
    progress.update(1, 2);
    progress.end();
    expect(printed).toEqual([]);
  });
});

test("[P16] the server's environment has our settings, nothing of Bun's, nothing of a run", () => {
  const env = serverEnvironment({
    places: { base: "/b", stateDir: "/s", serverRecord: "/s/server.json", serverLog: "/h/server.log" },
    env: { PATH: "/bin", BUN_OPTIONS: "--preload x", ML_RUN_ID: "r", ML_SLOTS: "2", ML_FAULTS: "a:1" },
    home: "/h",
    configPath: "/h/config.toml",
  });
  expect(env).toEqual({
    PATH: "/bin",
    ML_SLOTS: "2",
    ML_FAULTS: "a:1",
    ML_HOME: "/h",
    ML_WORKER_BASE: "/b",
    ML_STATE_DIR: "/s",
  });
});

test("[S7] odd paths in a systemd unit stay one word", () => {
  expect(unitWord('/a b/"c"$d%e\\')).toBe('"/a b/\\"c\\"$$d%%e\\\\"');
  const unit = systemdUnit({
    executable: "/x y/ml",
    home: "/h",
    base: "/b",
    configPath: "/c",
    scope: "system",
    user: "me",
  });
  expect(unit).toContain('ExecStart="/x y/ml" server --base "/b"\n');
  expect(unit).toContain("User=me\n");
});

test("[S7] completion scripts expand no answer", () => {
  expect(completionScripts.bash).not.toContain("compgen -W");
  expect(completionScripts.bash).not.toContain("eval");
});
