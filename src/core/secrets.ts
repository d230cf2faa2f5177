/**
 * What looks like a credential, by name or by shape. Pure. A net and not a proof: used to keep secrets out of files, never
 * to decide who may do what.
 */

const secretName =
  /KEY|TOKEN|SECRET|PASS|PWD_|_PWD|CRED|AUTH|COOKIE|SIGNATURE|PRIVATE|BEARER|LICEN[CS]E|WEBHOOK|DSN|SAS_?URL|CONNECTION_STRING/i;
/** Names that contain such a word and are known to hold no secret. */
const harmlessNames = new Set(["TOKENIZERS_PARALLELISM"]);

/** Shapes of credentials, anywhere in a value. */
const secretValues = [
  /\bsk-[\w-]{12,}/,
  /\b(?:gh[opsur]|github_pat)_\w{16,}/,
  /\bglpat-[\w-]{12,}/,
  /\bhf_\w{16,}/,
  /\b(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{12,}/,
  /\bAIza[\w-]{30,}/,
  /\bxox[a-z]-[\w-]{10,}/,
  /\b(?:npm|pypi|dckr_pat|lsv2_pt|nvapi)[-_][\w-]{20,}/,
  /\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/,
  /-----BEGIN [A-Z ]+-----/,
  /\b[a-z][a-z0-9+.-]*:\/\/[^\s/?#]*:[^\s/?#]*@/i,
  /\b[a-z][a-z0-9+.-]*:\/\/[^\s/?#:@]{12,}@/i,
  /[?&](?:[\w-]*(?:key|token|secret|password|sig|signature|auth))=[^&\s]+/i,
  /\b(?:Bearer|Basic)\s+[\w+/=.-]{8,}/i,
];

/** True where the name of a variable says that its value is nobody's business. */
export function isSecretName(name: string): boolean {
  return secretName.test(name) && !harmlessNames.has(name);
}

/**
 * True where a whole word of the name says credential (`WANDB_API_KEY`, `HF_TOKEN`; not `AUTHOR`, `MONKEY`). Narrower than
 * isSecretName: for refusing, where that one is for leaving a value out.
 */
export function isCredentialName(name: string): boolean {
  return /(^|_)(KEY|APIKEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|BEARER)(_|$)/i.test(name);
}

/** True where something in the text has the shape of a credential, whatever it is called. */
export function isSecretValue(value: string): boolean {
  return secretValues.some((pattern) => pattern.test(value));
}

/** The text with everything that has the shape of a credential replaced by `mark`, and how often that was. */
export function withoutSecrets(text: string, mark: string): { text: string; count: number } {
  let count = 0;
  let rest = text;
  for (const pattern of secretValues) {
    rest = rest.replace(new RegExp(pattern.source, `${pattern.flags}g`), () => {
      count += 1;
      return mark;
    });
  }
  return { text: rest, count };
}

/** A URL without the user name and password in it; every other text as it is. */
export function withoutUserInfo(url: string): string {
  return url.replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, (whole, scheme: string) =>
    whole === `${scheme}git@` || whole === `${scheme}hg@` ? whole : scheme,
  );
}
