import { type Document, isScalar, visit } from 'yaml';

const booleans = new Map<string, boolean>([
  ...['yes', 'Yes', 'YES', 'on', 'On', 'ON'].map((word) => [word, true] as const),
  ...['no', 'No', 'NO', 'off', 'Off', 'OFF'].map((word) => [word, false] as const),
]);

/**
 * Reads the plain scalars of a document as YAML 1.1, which kubectl reads: `yes` is a boolean, `0120` octal and `1_000` a
 * number. In YAML 1.2 they are other values, so a policy would mean something else here than there. `y` and `n`,
 * booleans to some readers only, stay text.
 */
export function readScalarsAsYaml11(document: Document): void {
  visit(document, {
    Scalar(_, node) {
      if (node.type === 'PLAIN' && node.source !== undefined) node.value = readPlain(node.source, node.value);
    },
  });
}

function readPlain(source: string, value: unknown): unknown {
  const boolean = booleans.get(source);
  if (boolean !== undefined) return boolean;
  if (/^[-+]?0[0-7_]+$/.test(source)) return Number.parseInt(source.replaceAll('_', ''), 8);
  if (/^[-+]?[1-9][0-9]*_[0-9_]*$/.test(source)) return Number(source.replaceAll('_', ''));
  return value;
}

/**
 * Finds the first key that cannot be read: `__proto__`, which no reader after this one sees, and keys that are lists,
 * mappings or aliases, whose text may grow exponentially with their depth. @returns null if there is none
 */
export function findUnreadableKey(document: Document): { message: string; offset: number } | null {
  let found: { message: string; offset: number } | null = null;
  visit(document, {
    Pair(_, { key }) {
      if (key === null || (isScalar(key) && key.value !== '__proto__')) return undefined;
      const message = isScalar(key) ? '__proto__ cannot be a key' : 'Map keys must be scalars';
      found = { message, offset: (key as { range?: [number] | null }).range?.[0] ?? 0 };
      return visit.BREAK;
    },
  });
  return found;
}
