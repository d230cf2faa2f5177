/** The command of one point: its values in the place of `{name}`, or as options behind the script's other arguments. */
import type { Point } from "./condition.ts";
import type { SweepPlan } from "./definition.ts";

export function pointArguments(argv: readonly string[], point: Point, style: SweepPlan["style"]): string[] {
  const used = new Set<string>();
  const filled = argv.map((word) =>
    word.replaceAll(/\{([A-Za-z_][\w.@/-]*)\}/g, (whole, name: string) => {
      const value = point[name];
      if (value === undefined) return whole;
      used.add(name);
      return value;
    }),
  );
  const options = Object.entries(point).flatMap(([name, value]) => {
    if (used.has(name)) return [];
    if (style === "bare") return [`${name}=${value}`];
    return style === "equals" ? [`--${name}=${value}`] : [`--${name}`, value];
  });
  return [...filled, ...options];
}
