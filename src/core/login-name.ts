/** Who an account of this machine is, by name. Never from the environment alone: USER may be missing, or another's. */
import { readFileSync } from "node:fs";

/** The login name of `uid`, by the password file or whatever else the system asks (getpwuid(3)); null where it has none. */
export function loginName(uid: number): string | null {
  try {
    const line = readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((text) => text.split(":")[2] === String(uid));
    if (line !== undefined) return line.split(":")[0] ?? null;
    const name = Bun.spawnSync(["id", "-un"], { stderr: "ignore", timeout: 3000 }).stdout.toString().trim();
    return name === "" ? null : name;
  } catch {
    return null;
  }
}

/** The login name of the account that this process runs as, or `uid-1000` where it has none. */
export function ownLoginName(): string {
  const uid = process.getuid?.() ?? 0;
  return loginName(uid) ?? process.env.USER ?? `uid-${uid}`;
}
