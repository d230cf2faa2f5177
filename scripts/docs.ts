/**
 * `npm run docs`: writes the parts of docs/ that are made from code; `--check` writes nothing and fails where one is
 * stale. docs/protocol.md's requests come from src/protocol/*requests.ts, docs/format.md's keys and
 * docs/run_manifest.schema.json from src/run/manifest.ts, docs/cli.md and docs/config.md from the tables of commands,
 * errors and settings (docs-cli.ts).
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { requests } from "../src/protocol/requests.ts";
import { manifestSchema } from "../src/run/manifest.ts";
import { commandSection, exitCodeSection, settingSection } from "./docs-cli.ts";
import { keySectionOfTui } from "./docs-tui.ts";
import { keyMeanings } from "./format-keys.ts";

const root = join(import.meta.dir, "..");

interface Schema {
  type?: string | string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  additionalProperties?: Schema | boolean;
  required?: string[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
}

/** A type as one would write it in TypeScript. */
function typeText(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.anyOf) return schema.anyOf.map(typeText).join(" | ");
  if (schema.type === "array") {
    const inner = typeText(schema.items ?? {});
    return inner.includes("|") ? `(${inner})[]` : `${inner}[]`;
  }
  if (schema.type === "object") return objectText(schema);
  if (Array.isArray(schema.type)) return schema.type.join(" | ");
  if (typeof schema.type === "string") return schema.type;
  return "any";
}

function objectText(schema: Schema): string {
  const names = Object.keys(schema.properties ?? {});
  if (names.length > 0) {
    const required = new Set(schema.required);
    return `{${names.map((name) => `${name}${required.has(name) ? "" : "?"}: ${typeText(schema.properties?.[name] ?? {})}`).join(", ")}}`;
  }
  return typeof schema.additionalProperties === "object"
    ? `{[name]: ${typeText(schema.additionalProperties)}}`
    : "object";
}

/** What a value must keep to, in words; empty where its type says all. */
function limitsText(schema: Schema): string {
  const parts: string[] = [];
  const real = schema.anyOf?.find((branch) => branch.type !== "null") ?? schema;
  if (real.minimum !== undefined && real.minimum > Number.MIN_SAFE_INTEGER) parts.push(`at least ${real.minimum}`);
  if (real.maximum !== undefined && real.maximum < Number.MAX_SAFE_INTEGER) parts.push(`at most ${real.maximum}`);
  if (real.maxLength !== undefined) parts.push(`at most ${real.maxLength} characters`);
  if (real.minItems !== undefined) parts.push(`at least ${real.minItems}`);
  if (real.maxItems !== undefined) parts.push(`at most ${real.maxItems}`);
  if (real.pattern !== undefined) parts.push(`matches \`${real.pattern}\``);
  if (schema.default !== undefined && JSON.stringify(schema.default).length < 40)
    parts.push(`default \`${JSON.stringify(schema.default)}\``);
  return parts.join(", ");
}

const toSchema = (schema: z.ZodType): Schema =>
  z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Schema;

/** For each request its doc comment and reply type, as they stand in the source. */
function readSource(): Map<string, { about: string; reply: string }> {
  const folder = join(root, "src/protocol");
  const texts = readdirSync(folder)
    .filter((name) => name.endsWith("requests.ts"))
    .map((name) => readFileSync(join(folder, name), "utf8"));
  const body = texts.map((text) => text.slice(text.search(/^export const \w*[rR]equests = \{/m))).join("\n");
  const found = new Map<string, { about: string; reply: string }>();
  const pattern = /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?^ {2}"?([a-z_.]+)"?: declare<([\s\S]*?)>\(\)\(/gm;
  for (const match of body.matchAll(pattern)) {
    const about = (match[1] ?? "")
      .replace(/^\s*\*? ?/gm, " ")
      .replace(/\s+/g, " ")
      .trim();
    const reply = (match[3] ?? "")
      .replace(/import\("[^"]*"\)\./g, "")
      .replace(/\s+/g, " ")
      .replace(/; }/g, " }")
      .trim();
    found.set(match[2] ?? "", { about, reply });
  }
  return found;
}

/** A list of objects of so many keys that they get a table of their own. */
const isWide = (field: Schema) => Object.keys(field.items?.properties ?? {}).length > 6;

function fieldTable(title: string, schema: Schema): string[] {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) return [];
  const lines = [`| ${title} | type | |`, "|---|---|---|"];
  for (const [name, field] of fields) {
    const optional = schema.required?.includes(name) ? "" : "?";
    const type = isWide(field) ? "object[], see below" : cell(typeText(field));
    lines.push(`| \`${name}${optional}\` | ${type} | ${limitsText(field)} |`);
  }
  return [...lines, ""];
}

function requestSection(): string {
  const source = readSource();
  const lines: string[] = ["| request | who may ask |", "|---|---|"];
  for (const [ask, { role }] of Object.entries(requests))
    lines.push(`| [\`${ask}\`](#${ask.replace(/[._]/g, "")}) | ${role} |`);
  for (const [ask, { body, role }] of Object.entries(requests)) {
    const schema = toSchema(body);
    const { about = "", reply = "" } = source.get(ask) ?? {};
    if (reply === "") throw new Error(`no reply type found for ${ask}`);
    lines.push("", `### ${ask}`, "", `${about === "" ? "" : `${about} `}Role: ${role}.`, "");
    const wide = Object.entries(schema.properties ?? {}).find(([, field]) => isWide(field));
    lines.push(...fieldTable("body", schema));
    if (wide) lines.push(...fieldTable(`each of \`${wide[0]}\``, wide[1].items ?? {}));
    lines.push(`Reply: \`${reply}\``);
  }
  return lines.join("\n");
}

const cell = (text: string) => `\`${text.replaceAll("|", "\\|")}\``;

function keySection(): string {
  const { properties = {} } = toSchema(manifestSchema);
  const lines = ["| key | type | what |", "|---|---|---|"];
  const add = (name: string, schema: Schema) => {
    const meaning = keyMeanings[name];
    if (meaning === undefined) throw new Error(`scripts/format-keys.ts says nothing about \`${name}\``);
    const inner = schema.anyOf?.find((branch) => branch.type === "object") ?? schema;
    const known = Object.entries(inner.properties ?? {});
    const nullable = schema.anyOf?.some((branch) => branch.type === "null") ? " or null" : "";
    const shown = known.length > 0 ? `object${nullable}` : typeText(schema).replaceAll("|", "\\|");
    lines.push(`| \`${name}\` | ${shown} | ${meaning} |`);
    for (const [key, child] of known) add(`${name}.${key}`, child);
  };
  for (const [name, schema] of Object.entries(properties)) add(name, schema);
  return lines.join("\n");
}

function manifestJsonSchema(): string {
  const schema = z.toJSONSchema(manifestSchema, { io: "input" });
  const titled = { ...schema, title: "run_manifest.json of ml, schema_version 1" };
  return `${JSON.stringify(titled, null, 2)}\n`;
}

/** Puts `content` between the markers of a hand-written page. */
function between(page: string, name: string, content: string, whole?: string): string {
  const text = whole ?? readFileSync(join(root, page), "utf8");
  const [begin, end] = [`<!-- generated: ${name} (npm run docs) -->`, "<!-- end of generated -->"];
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${page} has no part marked \`${begin}\``);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}

const commandPart = await commandSection();
const pages: Record<string, () => string> = {
  "docs/cli.md": () => {
    const withCodes = between("docs/cli.md", "exit codes", exitCodeSection());
    return between("docs/cli.md", "commands", commandPart, withCodes);
  },
  "docs/config.md": () => between("docs/config.md", "settings", settingSection()),
  "docs/run_manifest.schema.json": manifestJsonSchema,
  "docs/protocol.md": () => between("docs/protocol.md", "requests", requestSection()),
  "docs/tui.md": () => between("docs/tui.md", "keys", keySectionOfTui()),
  "docs/format.md": () => between("docs/format.md", "keys", keySection()),
};

let stale = 0;
for (const [page, make] of Object.entries(pages)) {
  const path = join(root, page);
  const text = make();
  let current = "";
  try {
    current = readFileSync(path, "utf8");
  } catch {
    // It is about to be made.
  }
  if (current === text) continue;
  stale += 1;
  if (process.argv.includes("--check")) process.stdout.write(`${page} is stale: run \`npm run docs\`\n`);
  else {
    writeFileSync(path, text);
    process.stdout.write(`${page} written\n`);
  }
}
if (stale > 0 && process.argv.includes("--check")) process.exit(1);
