/** Words of a command line into flags, positionals and a script. */
import { describe, expect, test } from "bun:test";
import { type Command, defineCommand } from "../../../src/cli/command.ts";
import { flag } from "../../../src/cli/flags.ts";
import { parseCommand, parseLeading } from "../../../src/cli/parse.ts";
import type { MlError } from "../../../src/core/error.ts";
import { editDistance, nearest } from "../../../src/core/nearest.ts";

const shape = {
  group: "queue" as const,
  summary: "",
  examples: [],
  run: async () => undefined,
};
const plain: Command = defineCommand({
  ...shape,
  name: "logs",
  positionals: [
    { name: "RUN", about: "which run" },
    { name: "KIND", about: "which", optional: true, choices: ["one", "two"] },
  ],
  flags: {
    follow: flag.on("follow", { short: "f" }),
    tail: flag.number("N", "lines", { short: "n", least: 0, whole: true }),
    tag: flag.texts("TAG", "tags", { short: "t" }),
    only: flag.texts("GLOB", "which", { bare: "**" }),
    maxRuntime: flag.text("TIME", "limit"),
  },
});
const queue: Command = defineCommand({
  ...shape,
  name: "queue",
  script: true,
  positionals: [{ name: "SCRIPT", about: "the script" }],
  flags: {
    follow: flag.on("follow", { short: "f" }),
    priority: flag.number("N", "priority", { short: "p" }),
    note: flag.text("TEXT", "note"),
    config: flag.text("FILE", "ours", { scriptKeeps: true }),
  },
});

const logs = (line: string) => parseCommand(plain, line.split(" "), { title: "ml logs" });
const script = (...words: string[]) => {
  const { flags, script } = parseCommand(queue, words, { title: "ml queue" });
  const { follow, priority, note, config, json } = flags as Record<string, unknown>;
  return { follow, priority, note, config, json, script };
};
const none = { follow: false, priority: null, note: null, config: null, json: false };

test("a flag with a meaning of its own needs no value at the end or before another flag", () => {
  const valuesOf = (line: string) => logs(line).flags.only;
  expect(valuesOf("k3f9ab --only")).toEqual(["**"]);
  expect(valuesOf("k3f9ab --only -f")).toEqual(["**"]);
  expect(valuesOf("--only *.pt k3f9ab")).toEqual(["*.pt"]);
});

describe("flags", () => {
  test("every spelling of a value is the same value", () => {
    for (const line of ["r -n5", "r -n 5", "r -n=5", "r --tail 5", "r --tail=5", "-n5 r"]) {
      expect(logs(line)).toMatchObject({ flags: { tail: 5 }, words: ["r"] });
    }
  });

  test("short flags combine, long ones negate, names of several words take dashes", () => {
    expect(logs("r -fqn3").flags).toMatchObject({ follow: true, quiet: true, tail: 3 });
    expect(logs("r -f --no-follow").flags).toMatchObject({ follow: false });
    expect(logs("r --max-runtime 1h").flags).toMatchObject({ maxRuntime: "1h" });
  });

  test("repeated ones gather or the last counts, and `given` tells a wish from a default", () => {
    const args = logs("r -t a --tag b -n 1 -n 2");
    expect(args.flags).toMatchObject({ tag: ["a", "b"], tail: 2, follow: false });
    expect([...args.given].sort()).toEqual(["tag", "tail"]);
  });

  test("[S7] after -- nothing is a flag, and a lone dash is a word", () => {
    expect(logs("-- -rf").words).toEqual(["-rf"]);
    expect(logs("-").words).toEqual(["-"]);
    expect(logs("-5").words).toEqual(["-5"]);
  });

  test("a search that begins with a denial is told how to write it", () => {
    try {
      logs("-group:x");
      throw new Error("it was taken");
    } catch (cause) {
      expect((cause as MlError).detail.hint).toStartWith("in a search, write `not group:x`");
    }
  });

  test("mistakes name the flag, what it wants, and the nearest that exists", () => {
    expect(() => logs("r --folow")).toThrow("there is no flag `--folow`");
    expect(() => logs("r --tail x")).toThrow("`--tail` wants a whole number of at least 0, not `x`");
    expect(() => logs("r --tail -1")).toThrow("at least 0");
    expect(() => logs("r --tail")).toThrow("wants a value: `--tail N`");
    expect(() => logs("r --follow=yes")).toThrow("takes no value");
    expect(() => logs("r --color blue")).toThrow("wants one of auto, always, never");
    try {
      logs("r --folow");
    } catch (cause) {
      expect(cause).toMatchObject({ exitCode: 2, detail: { hint: expect.stringContaining("`--follow`") } });
    }
  });

  test("positionals are counted and checked", () => {
    expect(() => parseCommand(plain, [], { title: "ml logs" })).toThrow("`ml logs` wants RUN: which run");
    expect(() => logs("r one more")).toThrow("does not know what to do with `more`");
    expect(() => logs("r tow")).toThrow("KIND is one of one, two");
    expect(parseCommand(plain, ["--help"], { title: "ml logs" }).flags).toMatchObject({ help: true });
  });

  test("global flags before the command's name count too", () => {
    const words = ["--json", "--server", "ws://x", "logs", "r"];
    const leading = parseLeading(words);
    expect(words[leading.at]).toBe("logs");
    const args = parseCommand(plain, words.slice(leading.at + 1), { title: "ml logs", leading });
    expect(args.flags).toMatchObject({ json: true, server: "ws://x" });
  });
});

describe("a script", () => {
  test("flags of ours stand before or after it, all else after it is its own, in order", () => {
    expect(script("-f", "train.py", "--epochs", "5")).toEqual({
      ...none,
      follow: true,
      script: ["train.py", "--epochs", "5"],
    });
    expect(script("train.py", "--lr", "3e-4", "--priority", "7", "-x", "--json", "y")).toEqual({
      ...none,
      priority: 7,
      json: true,
      script: ["train.py", "--lr", "3e-4", "-x", "y"],
    });
    expect(script("train.py", "--note=a b", "--lr=1", "-abc")).toEqual({
      ...none,
      note: "a b",
      script: ["train.py", "--lr=1", "-abc"],
    });
  });

  test("after -- everything is the script's, also what equals one of ours", () => {
    expect(script("--priority", "3", "--", "./run.sh", "--priority", "9")).toEqual({
      ...none,
      priority: 3,
      script: ["./run.sh", "--priority", "9"],
    });
    expect(script("train.py", "--", "--note", "mine", "--", "x")).toEqual({
      ...none,
      script: ["train.py", "--note", "mine", "--", "x"],
    });
  });

  test("before the script an unknown flag is a mistake; after it, it is the script's", () => {
    expect(() => script("--epochs", "5", "train.py")).toThrow("there is no flag `--epochs`");
    expect(script("train.py", "--folow").script).toEqual(["train.py", "--folow"]);
  });

  test("a flag that scripts often have is theirs once the script stands", () => {
    expect(script("--config", "ours.toml", "train.py", "--config", "theirs.yaml")).toEqual({
      ...none,
      config: "ours.toml",
      script: ["train.py", "--config", "theirs.yaml"],
    });
    expect(parseCommand(queue, ["train.py", "--version", "--key", "k"], { title: "ml queue" }).script).toEqual([
      "train.py",
      "--version",
      "--key",
      "k",
    ]);
  });

  test("[I1] words pass unchanged: empty, newline, quotes, dashes, 10,000 of them", () => {
    const odd = [
      "train.py",
      "",
      "a\nb",
      "'\"$x",
      "-",
      "--=",
      "日本",
      ...Array.from({ length: 10_000 }, (_, n) => `w${n}`),
    ];
    expect(script(...odd).script).toEqual(odd);
  });
});

test("the nearest word is one that could have been meant, or none", () => {
  expect(nearest("stauts", ["status", "server", "logs"])).toBe("status");
  expect(nearest("prio", ["priority", "pull"])).toBe("priority");
  expect(nearest("xyzzy", ["status", "server"])).toBeNull();
  expect([editDistance("ab", "ba"), editDistance("", "abc"), editDistance("same", "same")]).toEqual([1, 3, 0]);
});
