import { spawnSync } from 'node:child_process';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { buildApiApp } from '../../../server/http/app.ts';
import { listenOnTcp, listenOnUnixSocket } from '../../../server/http/listen.ts';
import { temporaryFolder } from '../store/temporary-store.ts';
import { fakeAgent } from './fake-agent.ts';

async function openApp() {
  const { agent } = await fakeAgent();
  const app = await buildApiApp(agent, { version: '0' });
  onTestFinished(() => app.close());
  return app;
}

const statusOf = (socketPath: string) =>
  new Promise<number | undefined>((resolve, reject) => {
    request({ socketPath, path: '/api/v1/health' }, (answer) => resolve(answer.resume().statusCode))
      .on('error', reject)
      .end();
  });

test('only root and the group may use the socket, and it is removed when the agent closes', async () => {
  const file = path.join(temporaryFolder(), 'run', 'agent.sock');
  const app = await openApp();
  await listenOnUnixSocket(app, file, process.getgid!());
  expect(statSync(file).mode & 0o777).toBe(0o660);
  expect(statSync(path.dirname(file)).mode & 0o111).toBe(0o111);
  expect(await statusOf(file)).toBe(200);
  await app.close();
  expect(existsSync(file)).toBe(false);
});

test('a stale socket is replaced', { timeout: 30_000 }, async () => {
  const file = path.join(temporaryFolder(), 'agent.sock');
  const leave = `require('net').createServer().listen(${JSON.stringify(file)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', leave]);
  expect(statSync(file).isSocket()).toBe(true);
  await listenOnUnixSocket(await openApp(), file, null);
  expect(await statusOf(file)).toBe(200);
});

test('a socket with a listening agent, and a file that is not a socket, are kept', async () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'agent.sock');
  await listenOnUnixSocket(await openApp(), file, null);
  await expect(listenOnUnixSocket(await openApp(), file, null)).rejects.toThrow(/another agent listens/);
  expect(await statusOf(file)).toBe(200);
  writeFileSync(path.join(folder, 'file'), 'precious');
  await expect(listenOnUnixSocket(await openApp(), path.join(folder, 'file'), null)).rejects.toThrow(
    /not a socket/,
  );
});

test('a TCP address that is not available is named', async () => {
  await expect(listenOnTcp(await openApp(), '192.0.2.1', 7481)).rejects.toMatchObject({
    message: expect.stringContaining('192.0.2.1:7481'),
    hint: expect.stringContaining('--listen'),
  });
});
