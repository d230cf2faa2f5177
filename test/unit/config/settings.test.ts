/** Settings: their order, and a config file that is wrong in every way that people manage. */
import { describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { editConfig, writeConfigText } from "../../../src/config/edit.ts";
import { homePaths, localPlaces, requireHome } from "../../../src/config/home.ts";
import { loadSettings } from "../../../src/config/load.ts";
import { resolveSettings } from "../../../src/config/resolve.ts";
import type { MlError } from "../../../src/core/error.ts";
import { tempFolder } from "../../support/temp.ts";

const file = (text: string, mode = 0o600) => ({ path: "/c/config.toml", text, mode });

function failure(text: string, mode?: number): MlError {
  try {
    resolveSettings({ env: {}, file: file(text, mode) });
  } catch (cause) {
    return cause as MlError;
  }
  throw new Error("it was taken");
}

describe("the order of sources", () => {
  test("flag goes before environment, that before file, that before default, and each value knows", () => {
    const { values, origin } = resolveSettings({
      flags: { priority: 9, server_url: null },
      env: { ML_PRIORITY: "8", ML_SLOTS: "3", ML_PYTHON: "" },
      file: file('priority = 7\nslots = 2\npython = "py"\n'),
    });
    expect([values.priority, values.slots, values.python, values.worker_port]).toEqual([9, 3, "py", 22]);
    expect([origin("priority"), origin("slots"), origin("python"), origin("worker_port")]).toEqual([
      "flag",
      "environment",
      "file",
      "default",
    ]);
  });

  test("the keys of the plan's example are valid as they stand", () => {
    const { values } = resolveSettings({
      env: {},
      file: file(
        'worker_host = "worker.local"\nworker_user = "mluser"\nworker_base = "/data/ml-experiments"\nworker_port = 22\napi_key = "your-api-key"\n',
      ),
    });
    expect([values.worker_host, values.api_key]).toEqual(["worker.local", "your-api-key"]);
  });

  test("a wrong value in the environment is refused by the variable's name", () => {
    expect(() => resolveSettings({ env: { ML_SLOTS: "many" }, file: null })).toThrow("`ML_SLOTS`");
    expect(() => resolveSettings({ env: { ML_GRACE_SECONDS: "-1" }, file: null })).toThrow("at least 0");
    expect(() => resolveSettings({ env: { ML_TRANSPORT: "pigeon" }, file: null })).toThrow("wants one of auto");
  });
});

describe("a config file that is wrong", () => {
  const cases: [string, string, number, number, string][] = [
    ["no value", 'python = "x"\nslots =\n', 2, 8, ""],
    ["a text that does not end", 'worker_host = "x\n', 1, 17, ""],
    ["a key twice", "slots = 1\nslots = 2\n", 2, 1, "there already"],
    ["a wrong type", 'python = "x"\n  priority = "3"\n', 2, 14, "wants a whole number from 1 to 10"],
    ["a number out of its range", "priority = 77\n", 1, 12, "wants a whole number from 1 to 10"],
    ["a wrong choice", 'transport = "pigeon"\n', 1, 13, "one of auto"],
    ["an unknown key", "prioritty = 3\n", 1, 1, "there is no setting `prioritty`"],
    ["a table", "[server]\nx = 1\n", 1, 1, "there is no setting `server`"],
    ["Windows line ends", 'python = "x"\r\nslots = true\r\n', 2, 9, "wants a whole number"],
  ];
  for (const [name, text, line, column, words] of cases) {
    test(`[I3] ${name}: line, column and caret, exit 2`, () => {
      const error = failure(text);
      expect(error.exitCode).toBe(2);
      expect(error.message).toContain(`line ${line}, column ${column}`);
      expect(error.message).toContain(words);
      const [, shown = "", caret = ""] = (error.detail.cause ?? "").split("\n");
      expect(shown).toStartWith(`${line} | `);
      expect(caret).toBe(`${" ".repeat(`${line} | `.length + column - 1)}^`);
    });
  }

  test("[I3] a byte order mark and Windows line ends are no mistakes", () => {
    const { values } = resolveSettings({ env: {}, file: file('\uFEFFslots = 2\r\npython = "p"\r\n') });
    expect([values.slots, values.python]).toEqual([2, "p"]);
  });

  test("an unknown key suggests the nearest", () => {
    expect(failure('worker_hots = "x"\n').detail.hint).toContain("`worker_host`");
  });

  test("an error beside a key does not print the key", () => {
    expect(JSON.stringify(failure('api_key = "s3cret\n').toValue())).not.toContain("s3cret");
  });

  test("[C7 S9] one that holds a key and can be read by others is refused with the command that cures it", () => {
    const error = failure('api_key = "k"\n', 0o640);
    expect([error.exitCode, error.detail.hint]).toEqual([4, "chmod 600 /c/config.toml"]);
    expect(resolveSettings({ env: {}, file: file("slots = 1\n", 0o644) }).values.slots).toBe(1);
  });
});

describe("where our files are", () => {
  test("[C8] ML_HOME, else ~/.ml, else an XDG folder; with none of them it explains", () => {
    expect(homePaths({ ML_HOME: "/m", HOME: "/h" }).home).toBe("/m");
    expect(homePaths({ HOME: "/h" }).configPath).toBe("/h/.ml/config.toml");
    expect(homePaths({ XDG_DATA_HOME: "/x" }).home).toBe("/x/ml");
    const nowhere = homePaths({});
    expect(nowhere.home).toBeNull();
    expect(() => requireHome(nowhere)).toThrow("HOME is not set");
  });

  test("the local server's places follow worker_base and state_dir", () => {
    const { values } = resolveSettings({ env: { ML_WORKER_BASE: "/b" }, file: null });
    expect(localPlaces(values, homePaths({ HOME: "/h" }), "/w").serverRecord).toBe("/b/server.json");
    const other = resolveSettings({ env: { ML_STATE_DIR: "/s" }, file: null }).values;
    expect(localPlaces(other, homePaths({ HOME: "/h" }), "/w")).toMatchObject({ base: "/h/.ml/data", stateDir: "/s" });
    const relative = resolveSettings({ flags: { worker_base: "./a/../b" }, env: {}, file: null }).values;
    expect(localPlaces(relative, homePaths({ HOME: "/h" }), "/w").base).toBe("/w/b");
  });

  test("a config file named by the user must be there, the usual one need not", () => {
    const home = tempFolder();
    expect(loadSettings({ env: { HOME: home } }).path).toBeNull();
    expect(() => loadSettings({ env: { HOME: home, ML_CONFIG: "/no/such.toml" } })).toThrow("is not there");
  });

  test("[C7] the file's own permissions are looked at", () => {
    const home = tempFolder();
    const path = join(home, "c.toml");
    writeFileSync(path, 'api_key = "k"\n');
    chmodSync(path, 0o644);
    expect(() => loadSettings({ env: {}, configFlag: path })).toThrow("others can read it");
    chmodSync(path, 0o600);
    expect(loadSettings({ env: {}, configFlag: path }).values.api_key).toBe("k");
  });
});

describe("changing a config file", () => {
  test("comments, order and the rest stay", () => {
    const before = '# mine\nslots = 1 # two later\n\npython = "p"\n';
    expect(editConfig(before, { slots: 2, priority: 7 })).toBe(
      '# mine\nslots = 2 # two later\n\npython = "p"\npriority = 7\n',
    );
    expect(editConfig(before, { slots: null })).toBe('# mine\n\npython = "p"\n');
  });

  test("any text comes back as it was", () => {
    for (const value of ['a"b\\c', "ü\u0007\u007f\n", "#x = 1", ""]) {
      expect(Bun.TOML.parse(editConfig("", { python: value }))).toEqual({ python: value });
    }
  });

  test("what cannot be changed line by line is refused and not damaged", () => {
    expect(() => editConfig('python = """\na\nb"""\n', { python: "x" })).toThrow("cannot be changed");
    expect(() => editConfig("slots = \n", { priority: 3 })).toThrow("cannot be changed");
  });

  test("[S9] it is written for its owner only, through a symbolic link", () => {
    const folder = tempFolder();
    const real = join(folder, "real.toml");
    writeFileSync(real, "");
    symlinkSync(real, join(folder, "config.toml"));
    writeConfigText(join(folder, "config.toml"), "slots = 1\n");
    expect(readFileSync(real, "utf8")).toBe("slots = 1\n");
    expect(statSync(real).mode & 0o777).toBe(0o600);
  });
});
