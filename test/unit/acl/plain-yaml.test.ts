import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ProblemError } from '../../../contract/problem.ts';
import type { LocatedDocument } from '../../../server/acl/spec/located-document.ts';
import { readPlainYaml } from '../../../server/acl/spec/plain-yaml.ts';
import { formatRulesAsYaml, readAnyYaml } from '../../../server/acl/spec/rule-yaml.ts';
import { ruleSets } from './rule-set-generators.ts';

/** Lists the paths of all values in a document. */
function pathsOf(value: unknown, path: PropertyKey[] = []): PropertyKey[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return [
    path,
    ...keys.flatMap((key) => pathsOf((value as Record<PropertyKey, unknown>)[key], [...path, key])),
  ];
}

const describeDocuments = (documents: LocatedDocument[]) =>
  documents.map(({ value, lineOf }) => ({
    value,
    lines: pathsOf(value).map((path) => [path.map(String).join('/'), lineOf(path)]),
    beyond: [lineOf(['none']), lineOf(['rules', 7, 'none', 3])],
  }));

/** Reads a text with the yaml package. @returns null if it is refused */
function readWithPackage(text: string): LocatedDocument[] | null {
  try {
    return readAnyYaml(text);
  } catch (error) {
    if (error instanceof ProblemError) return null;
    throw error;
  }
}

/** Checks that a text is left to the yaml package, or read as it does. @returns true if it was read */
function readsAlike(text: string): boolean {
  const { documents: plain } = readPlainYaml(text);
  if (plain === null) return false;
  const expected = readWithPackage(text);
  expect(expected, text).not.toBeNull();
  expect(describeDocuments(plain), text).toEqual(describeDocuments(expected ?? []));
  return true;
}

const words = [
  ...['a', 'app', 'b c', 'x-y', 'kubernetes.io/metadata.name', '10.0.0.0/8', 'fd00::/8', '::/0', '::1/128'],
  ...['10.0.0.1', '1', '0', '-1', '-0', '8080', '0120', '0o17', '0x1F', '1.5', '1e3', '.5', '+1', '1_000'],
  ...['null', 'Null', '~', 'true', 'False', 'yes', 'No', 'on', 'OFF', 'y', 'n', '.inf', '-.INF', '.nan'],
  ...[
    '3d',
    '0b1',
    '2024-01-01',
    '12:30',
    '190:20:30',
    'a:b',
    'a#b',
    'a #b',
    'a: b',
    '-a',
    '--',
    '---',
    '- a',
  ],
  ...[
    '"q"',
    "'q'",
    '"a\\nb"',
    '"\\u00e4"',
    '"\\x41"',
    "'it''s'",
    '"a" b',
    '"',
    "'",
    '""',
    "''",
    '"#"',
    '": "',
  ],
  ...['{a: b}', '{}', '[]', '[a, b]', '[a, b', '{a: 1, b: [x]}', '{"a":1}', '{a}', '[a: b]', '[a,]', '[,]'],
  ...['[10.0.0.0/8, ::/0]', '{ cidr: fd00::/8, except: [fd00:1::/32] }', '{a: b, a: c}', '{a:b}', '[ a ]'],
  ...['&x a', '*x', '!!str 1', '!a', '|', '>', '|-', '%', '@a', '`a', '?', '? a', '<<', '=', ',', ']', '}'],
  ...[
    'äöü',
    '\u2028',
    '\u00a0',
    '\u0085',
    '\ufeff',
    '\t',
    'a\tb',
    '\u0000',
    '\u007f',
    '\r',
    '\\',
    '/',
    '(a)',
  ],
  ...['__proto__', 'constructor', 'toString', '', ' ', '#', '# c', ' # c', '...', '--- a', '--- # c'],
];

const keys = [
  ...[
    'name',
    'rules',
    'kind',
    'apiVersion',
    'a',
    'b',
    'app.kubernetes.io/name',
    '"q k"',
    "'k'",
    '"1"',
    '2',
    'a b',
  ],
  ...[
    'true',
    'yes',
    'null',
    '<<',
    '__proto__',
    'constructor',
    'ä',
    '-k',
    '? k',
    '"k" ',
    'a:b',
    '[a]',
    '*k',
    '',
  ],
];

const word = fc.constantFrom(...words);
const spaces = fc.constantFrom('', ' ', '  ');

/** Lines that are YAML more often than not: keys and items at indentations that fit, and what disturbs them. */
const line = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(fc.constantFrom(...keys.slice(0, 10)), word).map(([k, w]) => `${k}: ${w}`),
  },
  { weight: 4, arbitrary: fc.constantFrom(...keys).map((key) => `${key}:`) },
  { weight: 4, arbitrary: word.map((each) => `- ${each}`) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...keys), word).map(([k, w]) => `- ${k}: ${w}`) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(...keys), word, spaces).map(([k, w, s]) => `${k}:${s}${w}`),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('', '# c', '#', '---', '-', '- -', '- - a', '...', '--- # c', '{', '}'),
  },
  { weight: 1, arbitrary: word },
);
const texts = fc
  .array(fc.tuple(fc.constantFrom('', '', '  ', '  ', '    ', ' ', '      '), line, spaces), { maxLength: 8 })
  .chain((lines) =>
    fc
      .constantFrom('\n', '\n', '\n', '\r\n')
      .map((end) => lines.map(([indent, text, after]) => indent + text + after).join(end)),
  );

/** Values as they are in rules, in one of the styles that programs and people write. */
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 4 },
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(...words),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('name', 'rules', 'kind', 'a-b', 'x/y', 'z z', '10', 'true'), tie('value'), {
      maxKeys: 5,
      noNullPrototype: true,
    }),
  ),
})).value;
const styles = fc.record({
  collectionStyle: fc.constantFrom('any' as const, 'block' as const, 'flow' as const),
  indentSeq: fc.boolean(),
  indent: fc.constantFrom(2, 4),
  lineWidth: fc.constantFrom(0, 20),
});

const runs = { numRuns: 20_000 };

describe('plain YAML is read as the yaml package reads it, with the same lines', () => {
  test('lines of all kinds', { timeout: 60_000 }, () => {
    let read = 0;
    fc.assert(
      fc.property(texts, (text) => {
        if (readsAlike(text)) read += 1;
      }),
      runs,
    );
    // What is always left to the package tests nothing.
    expect(read).toBeGreaterThan(runs.numRuns / 20);
  });

  test('each scalar as a value, an item, a key and in flow style', () => {
    for (const each of [...words, ...keys])
      for (const text of [
        ...[
          `a: ${each}`,
          `a: ${each}\n`,
          `a: ${each}\nb: 1`,
          `- ${each}`,
          `${each}: a`,
          `- ${each}: a`,
          each,
        ],
        ...[`a:\n  ${each}\n`, `[${each}]`, `[a, ${each} ]`, `{a: ${each}}`, `{ a: ${each}, b: 1 }`],
        ...[
          `{${each}: a}`,
          `kind: a\nb: ${each}`,
          `kind: {a: [${each}]}`,
          `a: ${each} # c`,
          `a: ${each}\n  b`,
        ],
        ...[
          `a: [x,\n ${each}\n ]`,
          `a: [x,\n${each}]`,
          `[x,\n${each}\n]`,
          `{"a":${each}}`,
          `a: 1\n${each}\n`,
        ],
      ])
        readsAlike(text);
  });

  test('values that programs write', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(values, styles, fc.constantFrom(undefined, 1), (value, style, space) => {
        readsAlike(stringify(value, style));
        readsAlike(JSON.stringify(value, null, space));
      }),
      { numRuns: 5000 },
    );
  });

  test('texts of several documents and of comments only', () => {
    for (const text of ['', '\n', '# c', '---', '---\n---', 'a: 1\n---\nb: 2', '# c\n---\na: 1\n---\n# d\n'])
      expect(readsAlike(text), text).toBe(true);
  });
});

test('formatted rules and JSON are plain YAML', () => {
  fc.assert(
    fc.property(ruleSets, (ruleSet) => {
      expect(readsAlike(JSON.stringify(ruleSet))).toBe(true);
      expect(readsAlike(formatRulesAsYaml(ruleSet))).toBe(true);
    }),
    { numRuns: 200 },
  );
});
