/** The parts of docs/cli.md and docs/config.md that are made from code: commands and flags, exit codes, settings. */

import type { Command } from "../src/cli/command.ts";
import { commands } from "../src/cli/commands.ts";
import { type FlagTable, globalFlags } from "../src/cli/flags.ts";
import { flagRows, positionalWord, usageLine } from "../src/cli/help-text.ts";
import { environmentName, settingKeys } from "../src/config/resolve.ts";
import { settings } from "../src/config/settings.ts";
import { errorCodes } from "../src/core/error.ts";

const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ");

function flagTable(flags: FlagTable): string[] {
  const rows = flagRows(flags);
  if (rows.length === 0) return [];
  return ["", "| flag | |", "|---|---|", ...rows.map(([flag, about]) => `| \`${cell(flag)}\` | ${cell(about)} |`)];
}

function commandLines(command: Command, title: string, level: string): string[] {
  const lines = ["", `${level} ${title}`, "", `${command.summary[0]?.toUpperCase()}${command.summary.slice(1)}.`];
  if (command.actions === undefined) lines.push("", "```", usageLine(command, title), "```");
  if (command.about !== undefined) lines.push("", command.about);
  for (const positional of command.positionals)
    lines.push("", `\`${positionalWord(positional)}\`: ${positional.about}.`);
  lines.push(...flagTable(command.flags));
  if (command.examples.length > 0) {
    lines.push("", "```sh", ...command.examples.map(([line, what]) => `${line}    # ${what}`), "```");
  }
  for (const [schema, about] of Object.entries(command.schemas ?? {}))
    lines.push("", `\`--json\`: \`${schema}\`: ${about}.`);
  for (const [name, action] of Object.entries(command.actions ?? {})) {
    lines.push(...commandLines(action, `${title} ${name}`, `${level}#`));
  }
  return lines;
}

export async function commandSection(): Promise<string> {
  const lines = ["### Everywhere", ...flagTable(globalFlags)];
  for (const entry of commands) {
    if (entry.hidden) continue;
    lines.push(...commandLines((await entry.load()).command, `ml ${entry.name}`, "###"));
  }
  return lines.join("\n");
}

export function exitCodeSection(): string {
  const byExit = new Map<number, string[]>();
  for (const [code, { exit }] of Object.entries(errorCodes))
    byExit.set(exit, [...(byExit.get(exit) ?? []), `\`${code}\``]);
  const rows = [...byExit]
    .sort(([left], [right]) => left - right)
    .map(([exit, codes]) => `| ${exit} | ${codes.join(", ")} |`);
  return ["| exit | `code` of the error |", "|---|---|", ...rows].join("\n");
}

export function settingSection(): string {
  const rows = settingKeys.map((key) => {
    const { kind, choices, about, default: fallback } = settings[key];
    const type = choices === undefined ? kind : choices.map((choice) => `\`${choice}\``).join(", ");
    return `| \`${key}\` | \`${environmentName(key)}\` | ${type} | ${fallback === null ? "" : `\`${fallback}\``} | ${cell(about)} |`;
  });
  return ["| key | environment | type | default | |", "|---|---|---|---|---|", ...rows].join("\n");
}
