/**
 * How a command ends badly: one sentence, `cause:`, `hint:` on stderr, or one JSON value there with --json. An error
 * that nobody foresaw is our bug: exit 70, one line, and the trace in a file for the report.
 */
import { asMlError, MlError, systemCode } from "../core/error.ts";
import { version } from "../core/version.ts";
import { safeLines } from "../view/safe-text.ts";
import { jsonText, paintText } from "./printer.ts";
import { emit } from "./streams.ts";

export interface ReportOptions {
  json: boolean;
  /** Colour on stderr. */
  colour: boolean;
  /** Where traces of our own bugs go; null: the temporary folder. */
  home: string | null;
  /** For the trace. */
  commandLine: readonly string[];
}

export function errorText(error: MlError, options: { colour: boolean }): string {
  const tint = (tone: "bad" | "dim", text: string) => (options.colour ? paintText(tone, text) : text);
  const { cause, hint } = error.detail;
  const safe = (text: string) => safeLines(text).join("\n");
  const lines = [`${tint("bad", "ml:")} ${safe(error.message)}`];
  if (cause !== undefined) lines.push(`${tint("dim", "cause:")}${cause.startsWith("\n") ? "" : " "}${safe(cause)}`);
  if (hint !== undefined) lines.push(`${tint("dim", "hint:")} ${safe(hint)}`);
  return `${lines.join("\n")}\n`;
}

/** Prints the error and returns the exit code. */
export async function reportError(cause: unknown, options: ReportOptions): Promise<number> {
  if (systemCode(cause) === "EPIPE") return 141;
  const error = await foreseen(cause, options);
  const text = options.json
    ? jsonText("ml.error/1", { error: error.toValue(), exit_code: error.exitCode }, 2)
    : errorText(error, options);
  emit(2, text);
  return error.exitCode;
}

async function foreseen(cause: unknown, options: ReportOptions): Promise<MlError> {
  if (cause instanceof MlError) return cause;
  const error = asMlError(cause, "the command");
  if (error.code !== "internal") return error;
  const at = await writeTrace(cause, options);
  const told = cause instanceof Error ? cause.message : String(cause);
  return new MlError("internal", `\`ml\` has a bug: ${told.split("\n")[0]}`, {
    hint: at === null ? "please report it with what you typed" : `please report it with the trace in ${at}`,
  });
}

async function writeTrace(cause: unknown, options: ReportOptions): Promise<string | null> {
  const { mkdirSync, writeFileSync } = await import("node:fs");
  const stack = cause instanceof Error ? `${cause.stack ?? cause.message}\n${cause.cause ?? ""}` : String(cause);
  // What follows the command's name may hold a key or private words: it stays out.
  const text = `ml ${version}, ${process.platform} ${process.arch}, bun ${Bun.version}\nml ${options.commandLine[0] ?? ""} …\n\n${stack}\n`;
  const name = `trace-${new Date().toISOString().replace(/[:.]/g, "-")}-${process.pid}.txt`;
  for (const folder of [options.home === null ? null : `${options.home}/traces`, process.env.TMPDIR || "/tmp"]) {
    if (folder === null) continue;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(`${folder}/${name}`, text, { mode: 0o600, flag: "wx" });
      return `${folder}/${name}`;
    } catch {}
  }
  return null;
}
