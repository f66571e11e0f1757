/** Replacement of a secret. */
export const redactedPlaceholder = '[redacted]';

/** Names of fields whose values are always redacted. */
const secretField = /token|secret|passw|authorization|cookie|credential|private.?key/i;
/** Secrets within a text: in an Authorization header, in a sign-in link. */
const secretTexts = [/\b((?:bearer|basic)\s+)[\w.~+/=-]+/gi, /([?&]token=)[^&\s"']+/gi];

/** Replaces all occurrences of the given secrets. */
export function redactSecrets(bytes: Buffer, secrets: readonly string[]): Buffer {
  if (!secrets.some((secret) => bytes.includes(secret))) return bytes;
  let text = bytes.toString('utf8');
  for (const secret of secrets) text = text.replaceAll(secret, redactedPlaceholder);
  return Buffer.from(text);
}

/** Redacts likely secrets in a line of the agent's log: fields by their names, texts by their form. */
export function redactLine(line: string): string {
  try {
    return JSON.stringify(
      JSON.parse(line, (key, value) => (secretField.test(key) ? redactedPlaceholder : redactText(value))),
    );
  } catch {
    return redactText(line) as string;
  }
}

const redactText = (value: unknown): unknown =>
  typeof value !== 'string'
    ? value
    : secretTexts.reduce((text, pattern) => text.replaceAll(pattern, `$1${redactedPlaceholder}`), value);
