/**
 * Which names of parameters and metrics occur together. The set of names that a run has, its shape, is a label like any
 * other: runs of one script share one, so there are few. A search for two names that never meet is answered from the shapes
 * alone; asking each run that has the one for the other takes longer the more runs there are.
 *
 * A shape that runs had once stays: it then says that names may meet, which costs time and changes no answer.
 */
import type { Fact, FactKind } from "./search-facts.ts";

/** As a field of `label_names`; no query can name it. */
export const shapeField = "shape";
/** Of runs whose names are not told: they may have any. */
export const anyShape = "*";
/** All are kept in memory. */
export const mostShapes = 1000;
const mostNames = 100;

/** The names, in one order and spelling. */
export function shapeOf(named: readonly Fact[]): string {
  if (named.length > mostNames) return anyShape;
  return JSON.stringify(named.map(([kind, name]) => kind + name).sort());
}

/** Names and shapes that are in use or once were, with their numbers. */
export interface KnownNames {
  /** Changes with every new name. */
  readonly namesVersion: string;
  names(): Iterable<{ kind: FactKind; name: string; id: number }>;
  shapes(): ReadonlyMap<string, number>;
}

interface Shape {
  label: number;
  /** Null: any. */
  names: ReadonlySet<number> | null;
}

export class RunShapes {
  private known: { version: string; shapes: Shape[] } = { version: "", shapes: [] };

  constructor(private readonly index: KnownNames) {}

  private all(): readonly Shape[] {
    const labels = this.index.shapes();
    const version = `${this.index.namesVersion} ${labels.size}`;
    if (this.known.version !== version) {
      const ids = new Map<string, number>();
      for (const { kind, name, id } of this.index.names()) ids.set(kind + name, id);
      const namesIn = (text: string) => (JSON.parse(text) as string[]).map((name) => ids.get(name) ?? 0);
      const shapes = [...labels].map(([text, label]) => ({
        label,
        names: text === anyShape ? null : new Set(namesIn(text)),
      }));
      this.known = { version, shapes };
    }
    return this.known.shapes;
  }

  /** Labels of the shapes that have one name of each group; a run that has one of each bears one of them. */
  having(groups: readonly (readonly number[])[]): number[] {
    const fits = ({ names }: Shape) => names === null || groups.every((group) => group.some((name) => names.has(name)));
    return this.all()
      .filter(fits)
      .map(({ label }) => label);
  }
}
