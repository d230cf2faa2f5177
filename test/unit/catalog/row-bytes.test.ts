/** Rows on their way to another process: whatever is in them comes out as it went in. */
import { expect, test } from "bun:test";
import { type DrawnRows, filledTables, noRows, rowColumns } from "../../../src/catalog/draw-rows.ts";
import { rowBytes, rowsFrom } from "../../../src/catalog/row-bytes.ts";

const texts = ["", "plain", "höher → ∞ 🧪", "\ud83e", "\uddea and a half of a sign", "\0\n\u001e", '{"a":"b"}', null];
const numbers = [0, -1.5, 1e-300, Number.MAX_SAFE_INTEGER, 2 ** 52 * 1024, null];

function drawn(rowsOfEach: number): DrawnRows {
  const rows = noRows();
  let at = 0;
  for (const table of filledTables)
    for (let row = 0; row < rowsOfEach; row++)
      for (const letter of rowColumns[table]) {
        const values = letter === "t" ? texts : numbers;
        rows[table].push(values[at++ % values.length] ?? null);
      }
  return { count: 3, rows, shared: [], refused: ["2026-11-27_0zz0001"] };
}

function written(rows: DrawnRows, behind = ""): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.concat([...rowBytes(rows), Buffer.from(behind)]);
  return new Uint8Array(bytes);
}

/** As the database takes them: half of a sign is none. */
function stored({ rows, ...rest }: DrawnRows) {
  const whole = filledTables.map((table) => [
    table,
    rows[table].map((cell) => (typeof cell === "string" ? cell.toWellFormed() : cell)),
  ]);
  return { ...rest, rows: Object.fromEntries(whole) };
}

test("texts with any characters, empty ones, numbers of any size and nothing at all come out as they went in", () => {
  for (const rows of [drawn(0), drawn(1), drawn(40)]) expect(stored(rowsFrom(written(rows)))).toEqual(stored(rows));
});

test("what an earlier and longer part has left behind is not read", () => {
  expect(stored(rowsFrom(written(drawn(2), "of the part before")))).toEqual(stored(drawn(2)));
});
