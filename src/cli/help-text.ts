/** Help, made from the declared commands and flags: the overview, and the page of one command. Plain text; docs/cli.md is made from the same. */
import type { Command, CommandEntry, Positional } from "./command.ts";
import { type Flag, type FlagTable, globalFlags } from "./flags.ts";
import { flagWord } from "./parse.ts";

export interface HelpPaint {
  strong(text: string): string;
  dim(text: string): string;
}

const groupTitles: Record<string, string> = {
  "set up": "Set up",
  queue: "Queue",
  watch: "Watch",
  think: "Think",
  data: "Data",
  keep: "Keep",
  code: "Code",
};

function wrap(text: string, indent: number, width = 92): string {
  const pad = " ".repeat(indent);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + word.length + 1 > width - indent) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${pad}`);
}

export function flagSpelling(name: string, flag: Flag): string {
  const value = flag.value === "" ? "" : ` ${flag.value}`;
  return `${flag.short === undefined ? "" : `-${flag.short}, `}${flagWord(name)}${value}`;
}

export function positionalWord(positional: Positional): string {
  const word = `${positional.name}${positional.many ? "…" : ""}`;
  return positional.optional ? `[${word}]` : word;
}

/** `ml cancel [FLAGS] RUN…` */
export function usageLine(command: Command, title: string): string {
  if (command.actions !== undefined) return `${title} ${Object.keys(command.actions).join("|")}`;
  const words = command.positionals.map(positionalWord);
  const flags = Object.keys(command.flags).length > 0 ? ["[FLAGS]"] : [];
  return [title, ...flags, ...words].join(" ");
}

function columns(rows: readonly (readonly [string, string])[], paint: HelpPaint): string {
  const width = Math.min(34, Math.max(0, ...rows.map(([left]) => left.length)));
  return rows
    .map(([left, right]) => {
      const gap = left.length > width ? `\n${" ".repeat(width + 4)}` : " ".repeat(width - left.length + 2);
      return `  ${paint.strong(left)}${gap}${wrap(right, width + 4)}\n`;
    })
    .join("");
}

export function flagRows(flags: FlagTable): [string, string][] {
  return Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .map(([name, flag]) => [flagSpelling(name, flag), flag.about]);
}

export function overviewText(table: readonly CommandEntry[], paint: HelpPaint): string {
  const groups = [...new Set(table.filter((entry) => !entry.hidden).map((entry) => entry.group))];
  const order = Object.keys(groupTitles).filter((group) => groups.includes(group as CommandEntry["group"]));
  const shown = order.map((group) => {
    const rows = table
      .filter((entry) => entry.group === group && !entry.hidden)
      .map((entry): [string, string] => [entry.name, entry.summary]);
    return `${paint.dim(groupTitles[group] ?? group)}\n${columns(rows, paint)}`;
  });
  return `ml: queue training scripts on your own machine, and keep the whole story of each run

  ml queue -f train.py --epochs 5     queue a script, follow its output
  ml status --watch                   what runs, what waits

${shown.join("\n")}
${paint.dim("Everywhere")}
${columns(flagRows(globalFlags), paint)}
\`ml help COMMAND\` explains a command. A run is named by its id or a beginning of it, its name,
@last, @last~2, @running, @failed, or best:METRIC and min:METRIC (with --group).
`;
}

export function commandText(command: Command, title: string, paint: HelpPaint): string {
  const parts = [`${title}: ${command.summary}\n\n  ${paint.strong(usageLine(command, title))}\n`];
  if (command.about !== undefined)
    parts.push(
      `${command.about
        .split("\n\n")
        .map((text) => wrap(text, 0))
        .join("\n\n")}\n`,
    );
  if (command.actions !== undefined) {
    const rows = Object.values(command.actions).map((action): [string, string] => [
      usageLine(action, action.name),
      action.summary,
    ]);
    parts.push(columns(rows, paint));
  }
  if (command.positionals.length > 0) {
    parts.push(
      columns(
        command.positionals.map((one) => [positionalWord(one), one.about]),
        paint,
      ),
    );
  }
  const flags = flagRows(command.flags);
  if (flags.length > 0) parts.push(`${paint.dim("Flags")}\n${columns(flags, paint)}`);
  parts.push(`${paint.dim("Everywhere")}\n${columns(flagRows(globalFlags), paint)}`);
  if (command.examples.length > 0) {
    parts.push(
      `${paint.dim("Examples")}\n${command.examples.map(([line, what]) => `  ${line}\n      ${paint.dim(what)}\n`).join("")}`,
    );
  }
  return parts.join("\n");
}
