import { expect, test } from 'vitest';
import { LogLineRing } from '../../../server/debug/log-ring.ts';
import { redactLine, redactSecrets } from '../../../server/debug/redact.ts';

test('the log keeps its last lines within its limit and counts evicted ones', () => {
  const ring = new LogLineRing(1000);
  for (let i = 0; i < 200; i++) ring.write(`{"line":${i}}\n`);
  const lines = ring.text().trimEnd().split('\n');
  expect(ring.text().length).toBeLessThanOrEqual(1000);
  expect(lines.at(-1)).toBe('{"line":199}');
  expect(lines).toHaveLength(200 - ring.evicted);
  expect(lines[0]).toBe(`{"line":${ring.evicted}}`);
});

test('secrets are redacted by field name and by form; the rest of a line stays', () => {
  expect(
    JSON.parse(
      redactLine(
        '{"level":30,"req":{"headers":{"authorization":"Bearer abc","cookie":"s=1","host":"x"}},"url":"/?token=abc&a=1","password":{"x":1},"msg":"sent Authorization: Bearer abc.def to 10.0.0.1"}',
      ),
    ),
  ).toEqual({
    level: 30,
    req: { headers: { authorization: '[redacted]', cookie: '[redacted]', host: 'x' } },
    url: '/?token=[redacted]&a=1',
    password: '[redacted]',
    msg: 'sent Authorization: Bearer [redacted] to 10.0.0.1',
  });
  expect(redactLine('not JSON, Basic dXNlcg== here')).toBe('not JSON, Basic [redacted] here');
});

test('bytes without a secret are unchanged', () => {
  const bytes = Buffer.from([0xff, 0xfe, 0, 1]);
  expect(redactSecrets(bytes, ['secret'])).toBe(bytes);
  expect(redactSecrets(Buffer.from('a secret b'), ['secret']).toString()).toBe('a [redacted] b');
});
