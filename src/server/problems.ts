/** What is wrong now, as sentences under a key each; status shows them, and they go when they are over. */

export class Problems {
  private readonly sentences = new Map<string, string>();

  set(key: string, sentence: string | null): void {
    if (sentence === null) this.sentences.delete(key);
    else this.sentences.set(key, sentence);
  }

  all(): string[] {
    return [...this.sentences.values()];
  }
}
