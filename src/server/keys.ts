/**
 * users.toml: who may ask over the network. Only sha256 hashes of keys are kept; a key is 32 random bytes, so a plain
 * hash is as good as a slow one. A file with a mistake leaves the last good one in force.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import * as fs from "node:fs";
import { parse, stringify, TomlError } from "smol-toml";
import { isoTime } from "../core/clock.ts";
import { writeDurable } from "../core/durable.ts";
import { MlError, messageOf } from "../core/error.ts";
import type { Role } from "../protocol/requests.ts";

export interface KeyRecord {
  key_id: string;
  user: string;
  role: Role;
  label: string | null;
  added_at: string;
  sha256: string;
}

const roles: readonly Role[] = ["viewer", "user", "admin"];
const header =
  "# Who may ask over the network. Made by `ml key add`; holds hashes, never keys. A change counts at once.\n\n";

function hashOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}

/** Throws an Error that says where the file is wrong. */
function readUsers(text: string): KeyRecord[] {
  const parsed = parse(text) as { key?: unknown };
  if (parsed.key === undefined) return [];
  if (!Array.isArray(parsed.key)) throw new Error("`key` must be a list of tables, written `[[key]]`");
  return parsed.key.map((entry: Record<string, unknown>, index) => {
    const { id, user, role, label, added_at, sha256 } = entry;
    const bad = (what: string) => new Error(`the key number ${index + 1} has ${what}`);
    if (typeof id !== "string" || id === "") throw bad("no `id`");
    if (typeof user !== "string" || user === "") throw bad("no `user`");
    if (!roles.includes(role as Role)) throw bad(`no role of ${roles.join(", ")}`);
    if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) throw bad("no `sha256` of 64 hex digits");
    return {
      key_id: id,
      user,
      role: role as Role,
      label: typeof label === "string" ? label : null,
      added_at: String(added_at ?? ""),
      sha256,
    };
  });
}

export class Keys {
  private records: KeyRecord[] = [];
  private stamp = "";
  private readonly usedAt = new Map<string, string>();

  constructor(
    private readonly path: string,
    private readonly onProblem: (sentence: string | null) => void,
  ) {
    this.reload();
  }

  /** Reads the file again where it has changed. */
  private reload(): void {
    const stat = fs.statSync(this.path, { throwIfNoEntry: false });
    const stamp = stat === undefined ? "none" : `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    try {
      this.records = stat === undefined ? [] : readUsers(fs.readFileSync(this.path, "utf8"));
      this.onProblem(null);
    } catch (cause) {
      const place = cause instanceof TomlError ? `line ${cause.line}, column ${cause.column}: ` : "";
      const first = messageOf(cause).split("\n")[0];
      this.onProblem(`\`${this.path}\` was not taken over, the keys known before stay in force: ${place}${first}`);
    }
  }

  count(): number {
    this.reload();
    return this.records.length;
  }

  /** Whose key it is, or null. Every stored hash is compared, in constant time each. */
  find(key: string): KeyRecord | null {
    this.reload();
    const given = hashOf(key);
    let found: KeyRecord | null = null;
    for (const record of this.records) if (timingSafeEqual(given, Buffer.from(record.sha256, "hex"))) found = record;
    if (found !== null) this.usedAt.set(found.key_id, isoTime(Date.now()));
    return found;
  }

  /** The role of a key as it is now; null once it is revoked. */
  roleOf(keyId: string): Role | null {
    this.reload();
    return this.records.find((record) => record.key_id === keyId)?.role ?? null;
  }

  list(): (Omit<KeyRecord, "sha256"> & { last_used_at: string | null })[] {
    this.reload();
    return this.records.map(({ sha256: _, ...rest }) => ({
      ...rest,
      last_used_at: this.usedAt.get(rest.key_id) ?? null,
    }));
  }

  /** Makes a key; the only time that it is told. Throws system errors. */
  add(user: string, role: Role, label: string | null): { record: KeyRecord; key: string } {
    this.requireGood();
    const key = `ml_${randomBytes(32).toString("base64url")}`;
    const record: KeyRecord = {
      key_id: `k_${randomBytes(4).toString("hex")}`,
      user,
      role,
      label,
      added_at: isoTime(Date.now()),
      sha256: hashOf(key).toString("hex"),
    };
    this.write([...this.records, record]);
    return { record, key };
  }

  /** Throws `not_found`. */
  revoke(keyId: string): KeyRecord {
    this.requireGood();
    const record = this.records.find((known) => known.key_id === keyId);
    if (record === undefined) {
      throw new MlError("not_found", `there is no key \`${keyId}\``, { hint: "`ml key list` shows them" });
    }
    this.write(this.records.filter((known) => known !== record));
    return record;
  }

  /** A file that a person left with a mistake is not overwritten. */
  private requireGood(): void {
    this.reload();
    if (!fs.existsSync(this.path)) return;
    try {
      readUsers(fs.readFileSync(this.path, "utf8"));
    } catch (cause) {
      throw new MlError("bad_config", `\`${this.path}\` has a mistake and is not overwritten`, {
        cause: messageOf(cause).split("\n")[0],
        hint: `correct ${this.path}, then try again`,
      });
    }
  }

  private write(records: KeyRecord[]): void {
    const key = records.map(({ key_id, user, role, label, added_at, sha256 }) => ({
      id: key_id,
      user,
      role,
      ...(label === null ? {} : { label }),
      added_at,
      sha256,
    }));
    writeDurable(this.path, header + (key.length === 0 ? "" : `${stringify({ key })}\n`), { mode: 0o600 });
    this.stamp = "";
    this.reload();
  }
}
