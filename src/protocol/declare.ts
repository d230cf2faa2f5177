/**
 * How a request is declared, and the schemas that many of them share. The table of all requests is requests.ts; requests
 * of one area may stand in a file of their own (`…-requests.ts`), which the table spreads.
 */
import { z } from "zod";
import { limits } from "./frames.ts";

export type Role = "viewer" | "user" | "admin";

/** Any name of a run, see requests.ts. */
export const ref = z.string().min(1).max(256);
export const refs = z.array(ref).min(1).max(limits.pageRows);
export const freeText = z.string().max(limits.textBytes).nullable().optional();
export const page = { limit: z.number().int().min(1).max(limits.pageRows).default(50) };

/** A request: its body schema, the least role that may ask, and (as a type) its reply. */
export interface Declared<Body extends z.ZodType, Reply> {
  body: Body;
  role: Role | "anyone";
  reply: Reply;
}

/**
 * `reply` exists for the type alone. The schema is made when a body is first checked: a schema takes some ten kB, and most servers are
 * never asked most of this.
 */
export function declare<Reply>() {
  return <Body extends z.ZodType>(role: Role | "anyone", makeBody: () => Body): Declared<Body, Reply> => {
    let body: Body | null = null;
    return {
      get body() {
        body ??= makeBody();
        return body;
      },
      role,
      reply: undefined as Reply,
    };
  };
}
