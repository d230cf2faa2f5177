/**
 * Words that mean the same, for names (`lr` is also `learning_rate`) and for words in texts (`oom` is also `out of
 * memory`). Groups of people's own, from `synonyms.toml` in the base directory, are joined with those here where they
 * share a word.
 */

const known: readonly (readonly string[])[] = [
  ["lr", "learning_rate"],
  ["bs", "batch_size", "batchsize"],
  ["wd", "weight_decay"],
  ["epochs", "num_epochs", "n_epochs", "max_epochs"],
  ["optimizer", "optim", "optimiser"],
  ["seed", "random_seed"],
  ["acc", "accuracy"],
  ["val_acc", "val_accuracy", "validation_accuracy", "valid_acc", "eval_accuracy"],
  ["test_acc", "test_accuracy"],
  ["train_acc", "train_accuracy", "training_accuracy"],
  ["val_loss", "validation_loss", "valid_loss", "eval_loss"],
  ["train_loss", "training_loss"],
  ["ppl", "perplexity"],
  ["oom", "out_of_memory"],
];

/** How a name is compared: lower case, `-`, `/` and spaces as `_`. */
export function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[-/ ]/g, "_");
}

export class Synonyms {
  private readonly groups = new Map<string, Set<string>>();

  /** `own`: a word and what it also is called. */
  constructor(own: Readonly<Record<string, readonly string[]>> = {}) {
    for (const group of known) this.join(group);
    for (const [word, others] of Object.entries(own)) this.join([word, ...others]);
  }

  private join(words: readonly string[]): void {
    const joined = new Set(words.map(plainName));
    for (const word of [...joined]) for (const other of this.groups.get(word) ?? []) joined.add(other);
    for (const word of joined) this.groups.set(word, joined);
  }

  /** The plain name itself and everything that means the same, itself first. */
  of(name: string): string[] {
    const plain = plainName(name);
    return [plain, ...[...(this.groups.get(plain) ?? [])].filter((word) => word !== plain).sort()];
  }
}

/** The table of a `synonyms.toml`: `lr = ["eta"]`, or `lr = "eta"`. Throws on text that is no TOML, and on values that are no words. */
export function parseSynonyms(text: string): Record<string, string[]> {
  const table = Bun.TOML.parse(text) as Record<string, unknown>;
  const own: Record<string, string[]> = {};
  for (const [word, value] of Object.entries(table)) {
    const others: unknown[] = Array.isArray(value) ? value : [value];
    if (!others.every((one) => typeof one === "string"))
      throw new Error(`what \`${word}\` stands for is no word or list of words`);
    own[word] = others;
  }
  return own;
}
