/** The table of keys in docs/tui.md, from the one that help, footer and palette come from. */
import { type ActGroup, actGroups, acts, entryOf, keyLabel } from "../src/tui/keys.ts";

const titles: Record<ActGroup, string> = {
  move: "Moving",
  look: "Looking",
  do: "Doing",
  think: "Thinking",
  screen: "The screen",
};

export function keySectionOfTui(): string {
  const lines = ["| keys | | name for `tui_keys` |", "|---|---|---|"];
  for (const group of actGroups) {
    lines.push(`| **${titles[group]}** | | |`);
    for (const act of acts) {
      const { keys, about, group: own } = entryOf(act);
      if (own !== group) continue;
      const shown = keys.map((key) => `\`${keyLabel(key, true)}\``.replace("`|`", "`\\|`"));
      lines.push(`| ${shown.join(" ")} | ${about} | \`${act}\` |`);
    }
  }
  return lines.join("\n");
}
