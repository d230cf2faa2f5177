/**
 * Rows of one table, written 64 with one statement: a quarter of what one at a time costs, in a database without a journal
 * (with one, SQLite keeps what it would take to undo the statement, and nothing is gained).
 */
import type { Database, SQLQueryBindings, Statement } from "bun:sqlite";

const rowsAtOnce = 64;

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
    this.many = database.prepare(`INSERT INTO ${table} VALUES ${Array(rowsAtOnce).fill(row).join(", ")}`);
    this.single = database.prepare(`INSERT INTO ${table} VALUES ${row}`);
    this.size = rowsAtOnce * columns;
  }

  /** The values of one row after the other. */
  write(values: readonly SQLQueryBindings[]): void {
    let at = 0;
    for (; at + this.size <= values.length; at += this.size) this.many.run(...values.slice(at, at + this.size));
    for (; at < values.length; at += this.columns) this.single.run(...values.slice(at, at + this.columns));
  }

  close(): void {
    this.many.finalize();
    this.single.finalize();
  }
}
