/**
 * Rows of one table, written 32 with one statement: a quarter of what one at a time costs. Not for a database that must stay
 * whole: a statement that fails leaves the rows before, so that SQLite need not keep what it would take to undo it (it copies
 * each page that the statement changes, without any journal too).
 */
import type { Database, SQLQueryBindings, Statement } from "bun:sqlite";

const rowsAtOnce = 32;

export class ManyRows {
  private readonly many: Statement;
  private readonly single: Statement;
  private readonly size: number;

  constructor(
    database: Database,
    table: string,
    private readonly columns: number,
  ) {
    const row = `(${Array(columns).fill("?").join(", ")})`;
    this.many = database.prepare(`INSERT OR FAIL INTO ${table} VALUES ${Array(rowsAtOnce).fill(row).join(", ")}`);
    this.single = database.prepare(`INSERT OR FAIL INTO ${table} VALUES ${row}`);
    this.size = rowsAtOnce * columns;
  }

  /** The values of one row after the other. */
  write(values: readonly SQLQueryBindings[]): void {
    let at = 0;
    // One array and not one argument a value: those would be copied once more.
    for (; at + this.size <= values.length; at += this.size) this.many.run(values.slice(at, at + this.size));
    for (; at < values.length; at += this.columns) this.single.run(values.slice(at, at + this.columns));
  }

  close(): void {
    this.many.finalize();
    this.single.finalize();
  }
}
