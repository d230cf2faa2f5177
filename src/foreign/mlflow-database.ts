/**
 * MLflow's SQLite store (mlflow/store/tracking/dbmodels/models.py): experiments, runs, metrics, params, tags. Opened for reading
 * only; nothing but plain tables is asked, so a view or a trigger that somebody planted never runs. NaN is a mark of its own there,
 * and the infinities are the largest double.
 */
import { Database } from "bun:sqlite";
import { MlError, messageOf } from "../core/error.ts";
import { type ForeignPoint, foreignLimits, unreadable } from "./foreign-run.ts";
import type { FoundRecord } from "./mlflow-files.ts";
import type { MlflowRecord } from "./mlflow-run.ts";

const needed: Record<string, readonly string[]> = {
  experiments: ["experiment_id", "name"],
  runs: ["run_uuid", "experiment_id", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri"],
  metrics: ["key", "value", "timestamp", "run_uuid", "step"],
  params: ["key", "value", "run_uuid"],
  tags: ["key", "value", "run_uuid"],
};
const infinite = 1.7976931348623157e308;

interface RunRow {
  run_uuid: string;
  name: string | null;
  user_id: string | null;
  experiment_id: number | string;
  experiment: string | null;
  status: string | null;
  start_time: number | null;
  end_time: number | null;
  lifecycle_stage: string | null;
  artifact_uri: string | null;
}

/** Throws `refused` where the tables are not MLflow's. */
function checkTables(database: Database, path: string): void {
  for (const [table, columns] of Object.entries(needed)) {
    const kind = database.query<{ type: string }, [string]>("SELECT type FROM sqlite_master WHERE name = ?").get(table);
    if (kind?.type !== "table")
      throw unreadable(path, `it has no table \`${table}\`, so it is no database of MLflow's`);
    const found = database.query<{ name: string }, []>(`PRAGMA table_info(${table})`).all();
    const missing = columns.find((column) => !found.some(({ name }) => name === column));
    if (missing !== undefined) throw unreadable(path, `its table \`${table}\` has no column \`${missing}\``);
  }
}

const columnsOf = (database: Database, table: string) =>
  new Set(
    database
      .query<{ name: string }, []>(`PRAGMA table_info(${table})`)
      .all()
      .map(({ name }) => name),
  );

function textsOf(database: Database, table: "params" | "tags", runId: string): Record<string, string> {
  const rows = database
    .query<{ key: string; value: string | null }, [string, number]>(
      `SELECT key, substr(value, 1, ?2) AS value FROM ${table} WHERE run_uuid = ?1 ORDER BY key`,
    )
    .all(runId, foreignLimits.textBytes);
  return Object.fromEntries(rows.map(({ key, value }) => [String(key), value === null ? "" : String(value)]));
}

function metricPoints(database: Database, path: string, runId: string): MlflowRecord["points"] {
  const nan = columnsOf(database, "metrics").has("is_nan") ? "is_nan" : "0";
  const rows = database.query<
    { key: string; value: number | null; timestamp: number | null; step: number | null; nan: number | boolean | null },
    [string]
  >(
    `SELECT key, value, timestamp, step, ${nan} AS nan FROM metrics WHERE run_uuid = ? ORDER BY key, timestamp, step, rowid`,
  );
  return async (take: (point: ForeignPoint) => void) => {
    try {
      for (const { key, value, timestamp, step, nan: isNan } of rows.iterate(runId)) {
        const number = Number(value ?? Number.NaN);
        const shown = Math.abs(number) >= infinite ? Math.sign(number) * Number.POSITIVE_INFINITY : number;
        const at = Number(timestamp ?? 0);
        take({
          name: String(key),
          value: isNan ? Number.NaN : shown,
          step: step === null ? null : Number(step),
          t: Number.isFinite(at) ? at / 1000 : 0,
        });
      }
    } catch (cause) {
      throw unreadable(path, `it is damaged (${messageOf(cause)})`);
    }
  };
}

/** Opened for reading; close it when all was read. Throws `refused` where it is no database of MLflow's. */
export function openDatabase(path: string): Database {
  let database: Database | null = null;
  try {
    database = new Database(path, { readonly: true });
    database.run("PRAGMA trusted_schema = OFF");
    database.run("PRAGMA query_only = ON");
    checkTables(database, path);
    return database;
  } catch (cause) {
    database?.close();
    if (cause instanceof MlError) throw cause;
    throw unreadable(path, `it is no SQLite database, or a damaged one (${messageOf(cause)})`);
  }
}

export function* readDatabase(database: Database, path: string): Generator<FoundRecord> {
  const has = columnsOf(database, "runs");
  const optional = (column: string) => (has.has(column) ? `r.${column}` : "NULL");
  let rows: RunRow[];
  try {
    rows = database
      .query<RunRow, []>(
        `SELECT r.run_uuid, ${optional("name")} AS name, ${optional("user_id")} AS user_id, r.experiment_id, e.name AS experiment,
           r.status, r.start_time, r.end_time, r.lifecycle_stage, r.artifact_uri
         FROM runs r LEFT JOIN experiments e ON e.experiment_id = r.experiment_id ORDER BY r.start_time, r.run_uuid`,
      )
      .all();
    for (const row of rows) {
      const runId = String(row.run_uuid);
      yield {
        folder: null,
        record: {
          runId,
          name: row.name,
          experimentId: String(row.experiment_id),
          experiment: row.experiment,
          user: row.user_id,
          status: row.status,
          startTime: row.start_time,
          endTime: row.end_time,
          deleted: row.lifecycle_stage === "deleted",
          artifactUri: row.artifact_uri,
          parameters: textsOf(database, "params", runId),
          tags: textsOf(database, "tags", runId),
          points: metricPoints(database, path, runId),
        },
      };
    }
  } catch (cause) {
    if (cause instanceof MlError) throw cause;
    throw unreadable(path, `it is damaged (${messageOf(cause)})`);
  }
}
