/** What each entry of the key table does: the one table of acts, made of its parts. */
import { againActs } from "./acts-again.ts";
import { askActs } from "./acts-ask.ts";
import { dataActs } from "./acts-data.ts";
import { keepActs } from "./acts-keep.ts";
import { lookActs } from "./acts-look.ts";
import { moveActs } from "./acts-move.ts";
import { runActs } from "./acts-run.ts";
import { sweepActs } from "./acts-sweep.ts";
import type { ActEntry } from "./desk.ts";
import type { Act } from "./key-table.ts";

export const actTable: Readonly<Record<Act, ActEntry>> = {
  ...moveActs,
  ...lookActs,
  ...askActs,
  ...runActs,
  ...againActs,
  ...sweepActs,
  ...keepActs,
  ...dataActs,
};
