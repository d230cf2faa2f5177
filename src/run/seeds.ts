/** Seeds of random numbers, as far as arguments and variables show them: `--seed 1`, `--seed=1`, `train.seed=1`, `PYTHONHASHSEED`. Pure. */

const seedFlag = /^(?:--?)?((?:[\w.-]*[._-])?(?:seed|random[_-]state)(?:[._-][\w-]+)?)(?:=(.*))?$/i;
const seedVariable = /(^|_)(SEED|HASHSEED|PYTHONHASHSEED)$/;
const valueLimit = 100;

/** By name as it was written, without dashes; the last one counts, as with most parsers. */
export function seedsOf(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const seeds: Record<string, string> = {};
  for (const [index, word] of argv.entries()) {
    const [, name, given] = seedFlag.exec(word) ?? [];
    if (name === undefined) continue;
    const next = argv[index + 1];
    const value = given ?? (word.startsWith("-") && next !== undefined && !next.startsWith("--") ? next : undefined);
    if (value !== undefined && value !== "") seeds[name] = value.slice(0, valueLimit);
  }
  for (const [name, value] of Object.entries(env)) {
    if (seedVariable.test(name) && value) seeds[name] = value.slice(0, valueLimit);
  }
  return seeds;
}

const seedCall =
  /\b(?:manual_seed(?:_all)?|(?:random|rng|np\.random|numpy\.random|jax\.random|tf\.random)\.(?:seed|set_seed|PRNGKey|key|default_rng)|set_random_seed|seed_everything|set_seed|default_rng|enable_determinism)\s*\(\s*[^)\s]|\brandom_state\s*=\s*\d|\b(?:SEED|seed)\s*=\s*\d/;

/** True where the text of a script sets a seed by itself: a net, not a proof. */
export function setsSeed(text: string): boolean {
  return seedCall.test(text);
}
