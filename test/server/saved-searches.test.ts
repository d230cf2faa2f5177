/** Searches kept under a name, whatever the name. */
import { expect, test } from "bun:test";
import { SavedSearches } from "../../src/server/saved-searches.ts";
import { tempFolder } from "../support/temp.ts";

test("a search is kept under any name, also one that every object has, and only those that were saved are found", () => {
  const searches = new SavedSearches(tempFolder());
  for (const user of ["ana", "__proto__"]) {
    searches.save(user, "__proto__", "status:failed");
    expect(Object.entries(searches.of(user))).toEqual([["__proto__", "status:failed"]]);
    expect(searches.expand("@__proto__ a", user)).toBe("(status:failed) a");
    expect(() => searches.expand("@constructor", user)).toThrow("there is no saved search `@constructor`");
    searches.save(user, "__proto__", null);
    expect(searches.of(user)).toEqual({});
  }
});
