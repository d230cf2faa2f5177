/** One-line, copy-and-paste-able forms of argument arrays. Only for people and for launch.sh: nothing is ever run by joining. */

/** One word for POSIX sh, quoted only where it must be. */
export function quoteWord(word: string): string {
  if (word !== "" && /^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** An argument array as one line for POSIX sh. */
export function quoteCommand(argv: readonly string[]): string {
  return argv.map(quoteWord).join(" ");
}
