/** Formats a map value on one line, e.g. `{packets: 12, bytes: 3400}`; strings are quoted. */
export function formatInlineMapValue(value: unknown): string {
  if (Array.isArray(value)) return `[${runs(value.map(formatInlineMapValue)).join(', ')}]`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([name, each]) => `${name}: ${formatInlineMapValue(each)}`)
      .join(', ')}}`;
  return formatScalarMapValue(value);
}

/**
 * Formats a scalar map value. Strings that look like names or numbers are not quoted, so that enum constants are
 * readable.
 */
export function formatScalarMapValue(value: unknown): string {
  if (typeof value !== 'string') return String(value);
  return /^[\w.:/+-]+$/.test(value) ? value : JSON.stringify(value);
}

/** Replaces runs of equal elements by one element and its count, e.g. `0 ×12`. */
function runs(texts: readonly string[]): string[] {
  const told: string[] = [];
  for (let i = 0, end = 0; i < texts.length; i = end) {
    while (end < texts.length && texts[end] === texts[i]) end++;
    const text = texts[i] ?? '';
    if (end - i > 3) told.push(`${text} ×${end - i}`);
    else for (let k = i; k < end; k++) told.push(text);
  }
  return told;
}

export const isCompositeMapValue = (value: unknown): value is object =>
  typeof value === 'object' && value !== null;

/** Formats bytes in hexadecimal, sixteen per line, like `hexdump`. */
export const formatHexLines = (hex: string): string[] =>
  (hex.match(/.{1,32}/g) ?? []).map((line) => (line.match(/../g) ?? []).join(' '));
