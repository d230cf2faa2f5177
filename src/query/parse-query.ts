/**
 * The grammar. `or` binds least, then side by side (or `and`), then `not` and `-`:
 *
 *     query  = all { ("or" | "OR" | "|") all }
 *     all    = one { ["and" | "AND" | "&"] one }
 *     one    = { "not" | "NOT" | "-" } ( "(" query ")" | term | "phrase" | word )
 *
 * What a term means is terms.ts. Every error names its place in the text.
 */
import { badSearch } from "./bad-search.ts";
import type { Query, ReadQuery } from "./query.ts";
import { readTerm, requireWord, type TermContext } from "./terms.ts";
import { type Token, tokenize } from "./tokens.ts";

const mostDepth = 32;

class Parser {
  private at = 0;
  private depth = 0;
  sort: ReadQuery["sort"] = null;
  limit: ReadQuery["limit"] = null;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly context: TermContext,
  ) {}

  private peek(): Token | undefined {
    return this.tokens[this.at];
  }

  private fail(token: Token | undefined, sentence: string, hint?: string): never {
    const { text } = this.context;
    const at = token?.at ?? text.length;
    throw badSearch(text, sentence, { at, length: token === undefined ? 1 : token.end - token.at, hint });
  }

  whole(): Query {
    if (this.tokens.length === 0) return { kind: "and", parts: [] };
    const query = this.any();
    const rest = this.peek();
    if (rest !== undefined) this.fail(rest, "this `)` closes nothing");
    return query;
  }

  private any(): Query {
    this.depth += 1;
    if (this.depth > mostDepth) this.fail(this.peek(), `there are more than ${mostDepth} parentheses in each other`);
    const parts = [this.all()];
    while (this.peek()?.kind === "or") {
      this.at += 1;
      parts.push(this.all());
    }
    this.depth -= 1;
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: "or", parts };
  }

  private all(): Query {
    const parts: Query[] = [];
    let taken = 0;
    for (;;) {
      const token = this.peek();
      if (token === undefined || token.kind === "close" || token.kind === "or") break;
      if (token.kind === "and" && taken > 0) {
        this.at += 1;
        const next = this.peek();
        if (next === undefined || next.kind === "close" || next.kind === "or" || next.kind === "and")
          this.fail(token, `there is nothing after \`${token.text}\``);
        continue;
      }
      const part = this.one();
      taken += 1;
      if (part !== null) parts.push(part);
    }
    if (taken === 0) {
      const before = this.tokens[this.at - 1];
      if (before?.kind === "or") this.fail(before, `there is nothing after \`${before.text}\``);
      const here = this.peek();
      this.fail(here, here === undefined ? "something is missing here" : `there is nothing before \`${here.text}\``);
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: "and", parts };
  }

  /** Null for what only says how the answer is shown. */
  private one(): Query | null {
    const token = this.peek();
    if (token === undefined) return this.fail(token, "something is missing here");
    this.at += 1;
    switch (token.kind) {
      case "not": {
        const next = this.peek();
        if (next === undefined || next.kind === "close" || next.kind === "or" || next.kind === "and")
          return this.fail(token, `there is nothing after \`${token.text}\``);
        const part = this.one();
        if (part === null) return this.fail(next, `\`${next.text}\` says how the answer is shown and cannot be denied`);
        return part.kind === "not" ? part.part : { kind: "not", part };
      }
      case "open": {
        const inner = this.any();
        if (this.peek()?.kind !== "close") return this.fail(token, "this `(` is never closed");
        this.at += 1;
        return inner;
      }
      case "term":
        return this.term(token);
      case "phrase":
        requireWord(token.text, token, this.context);
        return { kind: "text", column: null, words: token.text, prefix: token.prefix };
      case "word": {
        requireWord(token.text, token, this.context);
        const prefix = token.text.endsWith("*") && token.text.length > 1;
        return { kind: "text", column: null, words: prefix ? token.text.slice(0, -1) : token.text, prefix };
      }
      default:
        return this.fail(token, `there is nothing before \`${token.text}\``);
    }
  }

  private term(token: Extract<Token, { kind: "term" }>): Query | null {
    const meaning = readTerm(token, this.context);
    if ("query" in meaning) return meaning.query;
    if ("sort" in meaning) this.sort = meaning.sort;
    else this.limit = meaning.limit;
    return null;
  }
}

/** Throws MlError `usage`: "bad search: …, at column N", with the place marked. */
export function parseQuery(context: TermContext): ReadQuery {
  const parser = new Parser(tokenize(context.text), context);
  const query = parser.whole();
  return { query, sort: parser.sort, limit: parser.limit };
}
