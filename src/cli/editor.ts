/** A text in the user's editor ($VISUAL, $EDITOR): what came back, and a place where it stays when it cannot be used. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MlError, messageOf } from "../core/error.ts";
import type { Context } from "./command.ts";

export interface Draft {
  /** As it was saved. */
  text: string;
  path: string;
  /** Forgets the file: what was typed is kept elsewhere now, or was nothing. */
  discard(): void;
  /** `cause` with a hint that says where the text is. */
  kept(cause: unknown, again: string): MlError;
}

/** Throws `usage` where there is no editor or no terminal to open it on. */
export function requireEditor(context: Context, hint: string): string {
  const editor = context.env.VISUAL || context.env.EDITOR;
  if (context.terminal.stdin && context.terminal.stdout && editor) return editor;
  throw new MlError("usage", editor ? "there is no terminal to open an editor on" : "no editor is set", { hint });
}

/**
 * Opens the editor on a file below the home folder of `ml`, so that a crash or a reboot does not take what was typed.
 * Throws `usage` (no editor), `failed` where the editor itself fails; the file is then kept.
 */
export async function editText(
  context: Context,
  { name, text, hint }: { name: string; text: string; hint: string },
): Promise<Draft> {
  const editor = requireEditor(context, hint);
  const folder = join(context.home, "drafts");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `${name}-${process.pid}.txt`);
  writeFileSync(path, text, { mode: 0o600 });
  const child = Bun.spawn(["sh", "-c", `${editor} "$1"`, "sh", path], { stdio: ["inherit", "inherit", "inherit"] });
  const code = await child.exited;
  const draft: Draft = {
    // An editor that removed the file said nothing, as one that left it empty.
    text: existsSync(path) ? readFileSync(path, "utf8") : "",
    path,
    discard: () => rmSync(path, { force: true }),
    kept(cause, again) {
      const { code: kind, detail } = cause instanceof MlError ? cause : new MlError("internal", messageOf(cause));
      const before = detail.hint === undefined ? "" : `${detail.hint}; `;
      return new MlError(kind, messageOf(cause), {
        ...detail,
        hint: `${before}what you typed is in ${path}: ${again}`,
      });
    },
  };
  if (code === 0) return draft;
  const hasWords = draft.text !== text && draft.text.trim() !== "";
  if (!hasWords) draft.discard();
  throw new MlError("failed", `the editor \`${editor}\` ended with an error, so nothing was changed`, {
    ...(hasWords ? { hint: `what you typed is in ${path}` } : {}),
  });
}
