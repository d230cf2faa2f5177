/** The key table: complete, without two acts on one key, rebindable with words for every mistake. */
import { describe, expect, test } from "bun:test";
import { MlError } from "../../../src/core/error.ts";
import { actTable } from "../../../src/tui/acts.ts";
import { acts, entryOf } from "../../../src/tui/key-table.ts";
import { keyLabel, makeKeymap } from "../../../src/tui/keys.ts";

function problemOf(setting: string): string {
  try {
    makeKeymap(setting);
  } catch (cause) {
    if (cause instanceof MlError) return `${cause.message}; ${cause.detail.hint}`;
    throw cause;
  }
  return "";
}

describe("keys", () => {
  test("every entry does something, and no key does two things", () => {
    expect(Object.keys(actTable).sort()).toEqual([...acts].sort());
    const keys = acts.flatMap((act) => entryOf(act).keys);
    expect(keys.length).toBe(new Set(keys).size);
  });

  test("the keys that people know from elsewhere are there", () => {
    const keymap = makeKeymap(null);
    const wanted = { j: "down", k: "up", G: "bottom", "ctrl+d": "half_down", "/": "filter", "?": "help", q: "quit" };
    for (const [key, act] of Object.entries(wanted)) expect<string | undefined>(keymap.actOf(key)).toBe(act);
    expect(keymap.actOf("esc")).toBe("back");
  });

  test("the setting moves a key, and the act that lost it keeps its others", () => {
    const keymap = makeKeymap("cancel=X logs=L,ctrl+o down=k");
    expect([keymap.actOf("X"), keymap.actOf("c"), keymap.actOf("ctrl+o")]).toEqual(["cancel", undefined, "logs"]);
    expect([keymap.actOf("k"), keymap.keysOf("up")]).toEqual(["down", ["up"]]);
  });

  test("mistakes in the setting are told with what would be right", () => {
    expect(problemOf("cancle=X")).toContain("did you mean `cancel`?");
    expect(problemOf("cancel=hyper+x")).toContain("the key `hyper+x`, which there is not");
    expect(problemOf("cancel=X kill=X")).toContain("to both `cancel` and `kill`");
    expect(problemOf("cancel")).toContain("names no act");
  });

  test("keys are shown as people read them", () => {
    expect(["up", "ctrl+d", "q"].map((key) => keyLabel(key, true))).toEqual(["↑", "^D", "q"]);
    expect(keyLabel("up", false)).toBe("up");
  });
});
