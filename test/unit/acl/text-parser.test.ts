import { expect, onTestFinished, test } from 'vitest';
import type { SubmittedText } from '../../../server/acl/worker/parsed-text.ts';
import { TextParser } from '../../../server/acl/worker/text-parser.ts';

const small = 'name: small\nrules: []\n';
const large = `name: large\nrules:\n${Array.from(
  { length: 9000 },
  (_, i) => `  - { name: r${i}, direction: ingress, subject: { all: true }, action: allow }\n`,
).join('')}`;

const alone = (text: string): SubmittedText => ({ text, into: null });
const nothing = { pods: [], nodeAddresses: [], cluster: { policies: [], peers: [] }, active: null };

function open(): TextParser {
  const parser = new TextParser();
  onTestFinished(() => parser.close());
  return parser;
}

test('a text whose caller is gone is given up, while it is parsed and while it waits', async () => {
  const parser = open();
  await parser.parse(alone(small));
  const [running, waiting] = [new AbortController(), new AbortController()];
  const first = parser.parse(alone(large), running.signal);
  const second = parser.parse(alone(large), waiting.signal);
  const third = parser.parse(alone(small));
  waiting.abort(new Error('the second is gone'));
  await expect(second).rejects.toThrow('the second is gone');
  running.abort(new Error('the first is gone'));
  await expect(first).rejects.toThrow('the first is gone');
  expect((await third).parsed.ruleSet.name).toBe('small');
});

test('a text is merged where it is parsed, and has its own lines if it is refused', async () => {
  const parser = open();
  const added =
    'name: b\nrules:\n  - { name: b, direction: ingress, subject: { all: true }, action: deny }\n';
  const { text, parsed } = await parser.parse({ text: added, into: `# mine\n${small}` });
  expect(text).toMatch(/^# mine\nname: small\n/);
  expect(parsed.ruleSet.rules.map(({ name }) => name)).toEqual(['b']);
  const broken = { text: added.replace('deny', 'no'), into: small };
  await expect(parser.parse(broken)).rejects.toMatchObject({ code: 'bad_rules', errors: [{ line: 3 }] });
  const directive = { text: `%YAML 1.2\n---\n${added}`, into: small };
  await expect(parser.parse(directive)).rejects.toMatchObject({ code: 'unprocessable' });
});

test('texts above the number that may wait are refused', async () => {
  const parser = open();
  const gone = new AbortController();
  const asked = Array.from({ length: 20 }, () =>
    parser.parse(alone(large), gone.signal).catch((error) => error.code),
  );
  gone.abort({ code: 'gone' });
  expect(new Set(await Promise.all(asked))).toEqual(new Set(['gone', 'too_many']));
});

test('a text that is refused leaves the thread as it was', async () => {
  const parser = open();
  await expect(parser.parse(alone('name: ['))).rejects.toMatchObject({ code: 'bad_rules' });
  await expect(parser.parse(alone('['.repeat(1 << 20)))).rejects.toMatchObject({ code: 'bad_rules' });
  expect((await parser.import(alone(small), nothing)).rules.name).toBe('small');
});

test('a closed parser answers nobody', async () => {
  const parser = open();
  const refused = expect(parser.parse(alone(large))).rejects.toMatchObject({ code: 'stopping' });
  await parser.close();
  await refused;
});
