import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ProblemError } from '../../../contract/problem.ts';
import { parseSubmittedText, parseText } from '../../../server/acl/worker/parsed-text.ts';

const fillUp = (part: string, length: number): string => part.repeat(Math.ceil(length / part.length));

const policy = 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}\n';
const rule = '{ name: a, direction: ingress, subject: { all: true }, action: allow }';

/** Texts of 8 MiB, the size limit of a request, each with much of one thing. */
const eightMebibytes: [name: string, text: string][] = [
  ['unknown keys', Array.from({ length: 800_000 }, (_, i) => `k${i}: v`).join('\n')],
  ['list items', `rules:\n${fillUp('- a\n', 8 << 20)}`],
  ['list items in one line', fillUp('- ', 8 << 20)],
  ['brackets', fillUp('[', 8 << 20)],
  ['braces', fillUp('{"a":', 8 << 20)],
  ['commas', `[${fillUp('a,', 8 << 20)}]`],
  ['empty lines', fillUp('\n', 8 << 20)],
  ['comments', fillUp('# x\n', 8 << 20)],
  ['documents', fillUp('---\n', 8 << 20)],
  ['anchors and aliases', `- &a x\n${fillUp('- *a\n', 8 << 20)}`],
  ['complex keys', fillUp('? ', 8 << 20)],
  ['indentation', Array.from({ length: 4000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
  ['one long value', `name: ${fillUp('x', 8 << 20)}`],
  ['one long quoted value', `name: "${fillUp('\\n', 8 << 20)}"`],
  ['escapes', `name: "${fillUp('\\x41', 8 << 20)}"`],
  ['doubled quotes', `name: '${fillUp("''", 8 << 20)}'`],
  ['a block scalar', `name: |\n ${fillUp('x', 8 << 20)}`],
  ['lines of a block scalar', `name: |\n${fillUp(' x\n', 8 << 20)}`],
  ['lines of a plain scalar', `name: x\n${fillUp(' x\n', 8 << 20)}`],
  ['tags', fillUp('- !!str x\n', 8 << 20)],
  ['directives', fillUp('%A x\n', 8 << 20)],
  ['the same key', fillUp('a: x\n', 8 << 20)],
  ['quotes without an end', fillUp('- "x\n', 8 << 20)],
  ['rules that are none', `name: x\nrules:\n${fillUp('- { name: a, b: c }\n', 8 << 20)}`],
  ['rules of one name', `name: x\nrules:\n${fillUp(`- ${rule}\n`, 8 << 20)}`],
  ['peers that are none', `name: x\nrules:\n- peers:\n${fillUp('  - { cidr: 1.2.3.4/5 }\n', 8 << 20)}`],
  [
    'policies',
    Array.from({ length: 60_000 }, (_, i) => `---\n${policy.replace('x', `p${i}`)}spec: {}\n`).join(''),
  ],
  ['policies of none', fillUp('---\nkind: NetworkPolicy\nx: 1\n', 8 << 20)],
  ['blanks', `name: a${fillUp(' ', 8 << 20)}b`],
];

const faults = (text: string): string[] => {
  try {
    parseSubmittedText({ text, into: null });
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'bad_rules')
      return error.errors!.map(({ line, path, message }) => `${line} ${path}: ${message}`);
    throw error;
  }
  return [];
};

/** A rule set of some size. @param from number of its first rule */
const ruleSet = (count: number, from: number) => ({
  name: 'x',
  rules: Array.from({ length: count }, (_, index) => from + index).map((i) => ({
    name: `rule ${i} of a rule set`,
    direction: 'ingress',
    subject: { selector: { matchLabels: { app: `app-${i % 50}` } } },
    peers: Array.from({ length: 10 }, (_, j) => ({ cidr: `10.${i >> 8}.${i & 255}.${16 * j}/28` })),
    protocol: 'tcp',
    ports: [{ from: 8080, to: 8090 }],
    action: 'allow',
  })),
});
const writeJson = (value: unknown): string => JSON.stringify(value, null, 1);
const writeYaml = (value: unknown): string => stringify(value, { lineWidth: 0 });

describe('the work for a text is bounded', () => {
  test.each(eightMebibytes)('8 MiB of %s are refused with a line within 2 s', (_, text) => {
    const start = process.threadCpuUsage();
    const [first] = faults(text);
    expect(first).toMatch(/^\d+ /);
    expect(process.threadCpuUsage(start).user / 1000).toBeLessThan(2000);
  });

  test.each([
    ['YAML', writeYaml],
    ['JSON', writeJson],
  ])('8 MiB of rules as %s are taken within 2 s', (_, write) => {
    const written = write(ruleSet(10_000, 0));
    const text = `# ${'x'.repeat((8 << 20) - written.length - 3)}\n${written}`;
    const start = process.threadCpuUsage();
    const { parsed } = parseSubmittedText({ text, into: null });
    expect(process.threadCpuUsage(start).user / 1000).toBeLessThan(2000);
    expect(parsed.ruleSet.rules).toHaveLength(10_000);
  });

  test.each([
    ['YAML into YAML', writeYaml, writeYaml],
    ['JSON into JSON', writeJson, writeJson],
    ['JSON into YAML', writeYaml, writeJson],
    ['YAML into JSON', writeJson, writeYaml],
  ])('rules of 4 MiB are merged as %s within 2 s', (_, writeInto, writeAdded) => {
    const [into, text] = [writeInto(ruleSet(5000, 0)), writeAdded(ruleSet(5000, 2500))];
    expect(into.length + text.length).toBeGreaterThan(4 << 20);
    const start = process.threadCpuUsage();
    const { parsed } = parseSubmittedText({ text, into });
    expect(process.threadCpuUsage(start).user / 1000).toBeLessThan(2000);
    expect(parsed.ruleSet.rules).toHaveLength(7500);
  });

  test.each(eightMebibytes)('8 MiB of %s are refused as quickly where they are merged', (_, text) => {
    const start = process.threadCpuUsage();
    expect(() => parseSubmittedText({ text, into: writeYaml(ruleSet(100, 0)) })).toThrow(ProblemError);
    expect(process.threadCpuUsage(start).user / 1000).toBeLessThan(2000);
  });

  test('what only the yaml package reads is merged within 2 s, or refused', () => {
    const anchored = (count: number) => writeYaml(ruleSet(count, 0)).replace('name: x', 'name: &a x');
    for (const [into, added] of [
      [700, 700],
      [1, 1400],
      [1400, 1],
      [700, 5000],
      [5000, 700],
    ] as const) {
      const start = process.threadCpuUsage();
      try {
        parseSubmittedText({ text: anchored(added), into: anchored(into) });
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching('bad_rules|unprocessable') });
      }
      expect(process.threadCpuUsage(start).user / 1000).toBeLessThan(2000);
    }
  });

  test('keys that are mappings are refused before they are written as text', () => {
    expect(faults(fillUp('? ', 200))).toEqual(['1 : Map keys must be scalars']);
  });

  test('a text that is not plain may have less, unless it is stored already', () => {
    const text = `name: &a x\nrules: [${fillUp('1,', 200_002)}1]\n`;
    expect(faults(text)).toEqual([expect.stringMatching(/^1 : .* texts with more than 100000 /)]);
    expect(faults(`name: x\nrules: [${fillUp('1,', 200_002)}1]\nname: y\n`)).toEqual([
      expect.stringMatching(/^3 : /),
    ]);
    expect(() => parseText(text)).toThrow(/rules/);
    expect(() => parseText(text)).not.toThrow(/more than 100000/);
  });

  test('unknown keys are listed with their lines in time that grows with their number', () => {
    const cost = (keys: number): number => {
      const start = process.cpuUsage();
      expect(
        faults(`name: x\n${Array.from({ length: keys }, (_, i) => `k${i}: v\n`).join('')}`),
      ).toHaveLength(100);
      return process.cpuUsage(start).user;
    };
    cost(2400);
    // 16 times as much where each key is compared with each other one.
    expect(cost(9600)).toBeLessThan(9 * cost(2400));
  });

  test('items and faults may be more than a call has arguments', () => {
    expect(faults(`name: x\nrules: [${fillUp('1,', 19_998)}1]\n`)).toHaveLength(100);
    const keys = Array.from({ length: 9000 }, (_, i) => `k${i}: v\n`).join('');
    expect(faults(`${policy}${keys}`)).toHaveLength(100);
  });

  test('keys of one mapping are limited', () => {
    const keys = Array.from({ length: 10_001 }, (_, i) => `k${i}`);
    expect(faults(keys.map((key) => `${key}: v\n`).join(''))).toEqual([
      '10001 : a mapping has more than 10000 keys',
    ]);
    expect(faults(`name: x\nrules: [{${keys.map((key) => `${key}: v`).join()}}]\n`)).toEqual([
      '2 : a mapping has more than 10000 keys',
    ]);
  });

  test('anchors and aliases are limited, and not what looks like them in a word', () => {
    const aliases = (count: number): string => `a: &a {}\nb: [${fillUp('*a,', 3 * count)}]\n`;
    expect(faults(aliases(10_000))).toEqual([
      '2 : the text has more than 10000 anchors and aliases up to here',
    ]);
    expect(faults(aliases(9_999))).toContain('2 b: unknown field');
    expect(faults(`# ${fillUp('see ?a=1&b=2*3 ', 1 << 20)}\nname: x\nrules: [${rule}]\n`)).toEqual([]);
  });
});
