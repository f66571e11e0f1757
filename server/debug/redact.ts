/** What takes a secret's place. */
export const redacted = '[redacted]';

/** Names of fields whose values are secrets, whatever they hold. */
const secretField = /token|secret|passw|authorization|cookie|credential|private.?key/i;
/** Secrets within a text: of a header, of a link that signs in. */
const secretTexts = [/\b((?:bearer|basic)\s+)[\w.~+/=-]+/gi, /([?&]token=)[^&\s"']+/gi];

/** `bytes` with every given secret, told as it is, replaced. */
export function redactSecrets(bytes: Buffer, secrets: readonly string[]): Buffer {
  if (!secrets.some((secret) => bytes.includes(secret))) return bytes;
  let text = bytes.toString('utf8');
  for (const secret of secrets) text = text.replaceAll(secret, redacted);
  return Buffer.from(text);
}

/** A line of the agent's log without what looks like a secret: fields by their names, texts by their form. */
export function redactLine(line: string): string {
  try {
    return JSON.stringify(
      JSON.parse(line, (key, value) => (secretField.test(key) ? redacted : redactText(value))),
    );
  } catch {
    return redactText(line) as string;
  }
}

const redactText = (value: unknown): unknown =>
  typeof value !== 'string'
    ? value
    : secretTexts.reduce((text, pattern) => text.replaceAll(pattern, `$1${redacted}`), value);
