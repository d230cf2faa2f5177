/** What each entry of the key table does: the one table of acts, made of its parts. */
import { lookActs } from "./acts-look.ts";
import { moveActs } from "./acts-move.ts";
import { runActs } from "./acts-run.ts";
import type { ActEntry } from "./desk.ts";
import type { Act } from "./keys.ts";

export const actTable: Readonly<Record<Act, ActEntry>> = { ...moveActs, ...lookActs, ...runActs };
