import { expect, test } from 'vitest';
import { LogRing } from '../../../server/debug/log-ring.ts';
import { redactLine, redactSecrets } from '../../../server/debug/redact.ts';

test('the log keeps its last lines within its bound, and counts those that had to go', () => {
  const ring = new LogRing(1000);
  for (let i = 0; i < 200; i++) ring.write(`{"line":${i}}\n`);
  const lines = ring.text().trimEnd().split('\n');
  expect(ring.text().length).toBeLessThanOrEqual(1000);
  expect(lines.at(-1)).toBe('{"line":199}');
  expect(lines).toHaveLength(200 - ring.evicted);
  expect(lines[0]).toBe(`{"line":${ring.evicted}}`);
});

test('secrets go by the names of their fields and by their form; the rest of a line stays', () => {
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

test('bytes that hold no secret stay as they are, whatever they are', () => {
  const bytes = Buffer.from([0xff, 0xfe, 0, 1]);
  expect(redactSecrets(bytes, ['secret'])).toBe(bytes);
  expect(redactSecrets(Buffer.from('a secret b'), ['secret']).toString()).toBe('a [redacted] b');
});
