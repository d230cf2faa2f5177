/** Conditions on the values of one point, such as `opt=sgd lr>=1e-2`: all parts must hold. Numbers compare as numbers. */
import { MlError } from "../core/error.ts";

export type Point = Readonly<Record<string, string>>;

interface Part {
  name: string;
  sign: string;
  value: string;
}

const partForm = /^([A-Za-z_][\w.@/-]*)\s*(<=|>=|!=|==|=|<|>)\s*(.+)$/;

export interface Condition {
  text: string;
  names: string[];
  holds(point: Point): boolean;
}

function compares(found: string, { sign, value }: Part): boolean {
  const [a, b] = [Number(found), Number(value)];
  const numeric = found.trim() !== "" && value.trim() !== "" && Number.isFinite(a) && Number.isFinite(b);
  const same = numeric ? a === b : found === value;
  if (sign === "=" || sign === "==") return same;
  if (sign === "!=") return !same;
  if (!numeric) return false;
  if (sign === "<") return a < b;
  if (sign === ">") return a > b;
  return sign === "<=" ? a <= b : a >= b;
}

/** Throws `usage` for a part that is no comparison. A name that the point lacks fails its part, `!=` included. */
export function parseCondition(text: string): Condition {
  const words = text.trim().split(/\s*(?:,|&&|\sand\s|\s)\s*(?=[A-Za-z_][\w.@/-]*\s*(?:<=|>=|!=|==|=|<|>))/);
  const parts = words.map((word): Part => {
    const match = partForm.exec(word.trim());
    if (match === null) {
      throw new MlError("usage", `\`${text}\` is no condition: \`${word}\` compares nothing`, {
        hint: "write it like `opt=sgd lr>=1e-2`",
      });
    }
    return { name: match[1] ?? "", sign: match[2] ?? "", value: match[3] ?? "" };
  });
  return {
    text,
    names: [...new Set(parts.map((part) => part.name))],
    holds: (point) => parts.every((part) => part.name in point && compares(point[part.name] ?? "", part)),
  };
}
