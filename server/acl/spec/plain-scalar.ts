/** Thrown where a text has something that only the yaml package reads. */
export const unreadable = new Error('not plain YAML');

/** A scalar without quotes, in one line. */
export interface PlainScalar {
  value: string | number | boolean | null;
  /** Offset behind it, and behind blanks that follow it. */
  end: number;
  /** True if YAML 1.1 reads another value. */
  ambiguous: boolean;
}

const words = new Map<string, boolean | null>([
  ...['null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['false', 'False', 'FALSE'].map((word) => [word, false] as const),
]);
/** Words that are strings in YAML 1.2 and booleans in YAML 1.1. */
const booleans11 = /^(?:yes|no|on|off)$/i;
/** Numbers that are written alike in JSON and all versions of YAML, and exact. */
const integer = /^-?(?:0|[1-9][0-9]{0,14})$/;
/** What some version of YAML may take for a number, integers as above aside. */
const numberLike = /^[-+]?(?:[0-9.][0-9._]*(?:e[-+]?[0-9]*)?|0[box][0-9a-f_]*|\.(?:inf|nan))$/i;
/** Addresses of hosts, which look like numbers and are none. */
const dotted = /^[0-9]+(?:\.[0-9]+){2,}$/;

/** Returns true if a word without quotes is, or was in YAML 1.1, something else than a string. */
export const isAmbiguousWord = (word: string): boolean => words.has(word) || booleans11.test(word);

/**
 * Reads a scalar without quotes.
 * @param inFlow true inside of brackets, which end it
 * @throws unreadable
 */
export function readPlainScalar(text: string, start: number, inFlow: boolean): PlainScalar {
  const end = findEnd(text, start, inFlow);
  let last = end;
  while (last > start && text.charCodeAt(last - 1) === 32) last -= 1;
  const source = text.slice(start, last);
  if (last === start || !begins(source)) throw unreadable;
  return { value: resolve(source), end, ambiguous: booleans11.test(source) };
}

/** Returns the offset of the character that ends a scalar. @throws unreadable at a control character */
function findEnd(text: string, start: number, inFlow: boolean): number {
  for (let at = start; ; at += 1) {
    const code = text.charCodeAt(at);
    switch (code) {
      case 10:
        return at;
      case 35:
        if (text.charCodeAt(at - 1) === 32) return at;
        break;
      case 58:
        if (endsAtColon(text.charCodeAt(at + 1), inFlow)) return at;
        break;
      case 44:
      case 91:
      case 93:
      case 123:
      case 125:
        if (inFlow) return at;
        break;
      default:
        if (Number.isNaN(code)) return at;
        if (code < 32) throw unreadable;
    }
  }
}

const endsAtColon = (next: number, inFlow: boolean): boolean =>
  next === 32 || next === 10 || Number.isNaN(next) || (inFlow && isFlowIndicator(next));

const isFlowIndicator = (code: number): boolean =>
  code === 44 || code === 91 || code === 93 || code === 123 || code === 125;

/** Returns true if a scalar begins with a character that is no indicator of YAML. */
const begins = (source: string): boolean =>
  /^(?:[A-Za-z0-9_/.+(]|-[A-Za-z0-9_/.]|:[A-Za-z0-9:])/.test(source);

function resolve(source: string): PlainScalar['value'] {
  const word = words.get(source);
  if (word !== undefined) return word;
  const code = source.charCodeAt(0);
  // Letters and what else cannot begin a number.
  if (code > 57 || code === 40 || code === 47) return source;
  if (integer.test(source)) return Number(source);
  if (numberLike.test(source) && !dotted.test(source)) throw unreadable;
  return source;
}
