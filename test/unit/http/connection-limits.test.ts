import { expect, onTestFinished, test, vi } from 'vitest';
import { reportTimerErrors, setSafeInterval } from '../../../server/async/safe-timers.ts';
import { buildApiApp } from '../../../server/http/app.ts';
import { requireBearerToken } from '../../../server/http/bearer-token.ts';
import { computeConnectionLimits, readDescriptorLimit } from '../../../server/http/connection-limits.ts';
import { fakeAgent } from './fake-agent.ts';

test.each([
  ['of a small service', 512, { connections: 256, descriptor: 384 }],
  ['of systemd', 524_288, { connections: 4096, descriptor: 393_216 }],
  ['that is none', Number.POSITIVE_INFINITY, { connections: 4096 }],
])('a limit of descriptors %s leaves a reserve', (_, nofile, limits) => {
  const computed = computeConnectionLimits(nofile);
  expect(computed).toMatchObject(limits);
});

test('the limit of descriptors is read as the kernel writes it', () => {
  const line = (soft: string) =>
    `Limit  Soft  Hard  Units\nMax open files            ${soft}   4096   files\n`;
  expect(readDescriptorLimit(line('1024'))).toBe(1024);
  expect(readDescriptorLimit(line('unlimited'))).toBe(Number.POSITIVE_INFINITY);
  expect(readDescriptorLimit()).toBeGreaterThan(0);
});

test('what a timer throws is reported, and the next run comes all the same', async () => {
  const reported: unknown[] = [];
  reportTimerErrors((error) => reported.push(error));
  onTestFinished(() =>
    reportTimerErrors((error) => {
      throw error;
    }),
  );
  const timer = setSafeInterval(() => {
    throw new Error('EMFILE');
  }, 1);
  onTestFinished(() => clearInterval(timer));
  await vi.waitFor(() => expect(reported.length).toBeGreaterThan(2));
});

test('a path with malformed percent-escapes needs the token like every other', async () => {
  const { agent } = await fakeAgent();
  const app = await buildApiApp(agent, { version: '0', admit: requireBearerToken('0123456789abcdef') });
  onTestFinished(() => app.close());
  await app.listen({ host: '127.0.0.1', port: 0 });
  const url = app.listeningOrigin;
  for (const path of ['/api/v1/pods/%zz', '/%', '/api/v1/pods']) {
    expect((await fetch(url + path)).status, path).toBe(401);
    const headers = { authorization: 'Bearer 0123456789abcdef' };
    expect((await fetch(url + path, { headers })).status, path).toBeLessThan(500);
  }
});
