/** Placeholder text that replaces a secret. */
export const redactedPlaceholder = '[redacted]';

/** Names of log fields whose values are always redacted. */
const secretField = /token|secret|passw|authorization|cookie|credential|private.?key/i;
/** Patterns of secrets within a text: an Authorization header or a sign-in link. */
const secretTexts = [/\b((?:bearer|basic)\s+)[\w.~+/=-]+/gi, /([?&]token=)[^&\s"']+/gi];

/** Replaces all occurrences of the given secrets with a placeholder. */
export function redactSecrets(bytes: Buffer, secrets: readonly string[]): Buffer {
  if (!secrets.some((secret) => bytes.includes(secret))) return bytes;
  let text = bytes.toString('utf8');
  for (const secret of secrets) text = text.replaceAll(secret, redactedPlaceholder);
  return Buffer.from(text);
}

/** Redacts likely secrets in a line of the agent's log, by field name or by pattern. */
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
