import { expect, test } from 'vitest';
import { runProgram } from '../../../server/kernel/run-program.ts';

const run = (program: string, input = '', more: object = {}) =>
  runProgram({ program, environment: {}, input, timeoutMs: 10_000, maxOutput: 1 << 20, ...more });
const shell = (script: string, more: object = {}) => run('/bin/sh', script, more);

test('a program gets its environment and input, and its output and exit code are returned', async () => {
  expect(
    await shell('echo "$GREETING"; echo oops >&2; exit 3', { environment: { GREETING: 'hello' } }),
  ).toEqual({ code: 3, stdout: 'hello\n', stderr: 'oops\n' });
  expect((await shell('env')).stdout).not.toContain('HOME=');
});

test('much goes in and out; a program need not read its input', async () => {
  const text = 'x'.repeat(900_000);
  expect((await run('/bin/cat', text)).stdout).toBe(text);
  expect(await run('/bin/true', text)).toMatchObject({ code: 0 });
});

test('a program that a signal ends has no exit code, and SIGPIPE ends it as usual', async () => {
  expect((await shell('kill -TERM $$')).code).toBeNull();
  expect((await shell('kill -PIPE $$; echo alive')).stdout).toBe('');
});

test('many at once', async () => {
  const all = await Promise.all(Array.from({ length: 20 }, (_, n) => shell(`sleep 0.0$((${n} % 7)); echo ${n}`)));
  expect(all.map(({ stdout }) => stdout.trim())).toEqual(Array.from({ length: 20 }, (_, n) => String(n)));
});

test.each([
  ['that is not there', () => run('/nonexistent/program'), 'No such file'],
  ['that may not be run', () => run('/etc/passwd'), 'Permission denied'],
  ['that takes too long', () => shell('exec sleep 60', { timeoutMs: 50 }), 'did not end within 50 ms'],
  ['that prints too much', () => shell('exec yes', { maxOutput: 1000 }), 'printed more than 1000 bytes'],
])('a program %s is reported', async (_, start, message) => {
  await expect(start()).rejects.toMatchObject({
    code: 'delegate_failed',
    message: expect.stringContaining(message),
  });
});
