/** The table of keys in docs/tui.md, from the one that help, footer and palette come from. */
import { actGroups, acts, entryOf, groupTitles } from "../src/tui/key-table.ts";
import { keyLabel } from "../src/tui/keys.ts";

export function keySectionOfTui(): string {
  const lines = ["| keys | | commands | name for `tui_keys` |", "|---|---|---|---|"];
  for (const group of actGroups) {
    lines.push(`| **${groupTitles[group]}** | | | |`);
    for (const act of acts) {
      const { keys, about, group: own, commands = [] } = entryOf(act);
      if (own !== group) continue;
      const shown = keys.map((key) => `\`${keyLabel(key, true)}\``.replace("`|`", "`\\|`"));
      const same = commands.map((command) => `\`ml ${command}\``).join(" ");
      lines.push(`| ${shown.join(" ")} | ${about} | ${same} | \`${act}\` |`);
    }
  }
  return lines.join("\n");
}
