/** A value of a map on one line: `{packets: 12, bytes: 3400}`, text in quotes, hex and numbers as they are. */
export function inlineValue(value: unknown): string {
  if (Array.isArray(value)) return `[${runs(value.map(inlineValue)).join(', ')}]`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([name, each]) => `${name}: ${inlineValue(each)}`)
      .join(', ')}}`;
  return scalarText(value);
}

/** A value that has no parts. Text that reads as a number or a name stands without quotes, so that words of enums do. */
export function scalarText(value: unknown): string {
  if (typeof value !== 'string') return String(value);
  return /^[\w.:/+-]+$/.test(value) ? value : JSON.stringify(value);
}

/** Equal neighbours once, with their number: `0 ×12`. */
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

export const isComposite = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** Bytes in hex, in lines of sixteen: what `hexdump` would show. */
export const hexLines = (hex: string): string[] =>
  (hex.match(/.{1,32}/g) ?? []).map((line) => (line.match(/../g) ?? []).join(' '));
