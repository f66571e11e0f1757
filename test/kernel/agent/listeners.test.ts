import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { AgentProcess, TestHost } from './agent-fixture.ts';

/** A group number that no account of the machine has. */
const group = 64_321;

/** Asks for the session as another user. @returns the answer, or the error's code */
function sessionAs(
  host: TestHost,
  { uid, gid, groups }: { uid: number; gid: number; groups?: number },
): unknown {
  const script = `require('http').request({ socketPath: ${JSON.stringify(host.socket)}, path: '/api/v1/session',
      headers: { 'x-podlane-role': 'viewer', 'x-podlane-actor': 'ada' } }, (answer) => {
    let text = '';
    answer.on('data', (part) => { text += part; }).on('end', () => console.log(text));
  }).on('error', (error) => console.log(JSON.stringify(error.code))).end()`;
  const user = [`--reuid=${uid}`, `--regid=${gid}`, groups ? `--groups=${groups}` : '--clear-groups'];
  const { stdout, stderr } = spawnSync('setpriv', [...user, process.execPath, '-e', script], {
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

test('the socket is for root and its group, and the kernel tells who calls', async () => {
  const host = new TestHost();
  spawnSync('chmod', ['755', host.folder]);
  await new AgentProcess(host, '--socket-gid', String(group)).ready();
  // The gateway, whose group it is, says for whom it calls, as root may.
  expect(sessionAs(host, { uid: 64_322, gid: group })).toEqual({ actor: 'ada', role: 'viewer' });
  expect(sessionAs(host, { uid: 0, gid: 0 })).toEqual({ actor: 'ada', role: 'viewer' });
  // A member of the group besides is himself.
  const member = { uid: 64_323, gid: 64_323, groups: group };
  expect(sessionAs(host, member)).toEqual({ actor: 'uid 64323', role: 'admin' });
  expect(sessionAs(host, { uid: 64_323, gid: 65_534 })).toBe('EACCES');
  // The file's mode is not the only guard.
  spawnSync('chmod', ['666', host.socket]);
  expect(sessionAs(host, { uid: 64_323, gid: 65_534 })).toMatchObject({ code: 'forbidden' });
});

test('the database and the folder that the agent makes are readable by nobody else', async () => {
  const host = new TestHost();
  const folder = path.join(host.folder, 'state');
  const database = path.join(folder, 'podlane.db');
  await new AgentProcess(host, '--database', database).ready();
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const file of [database, `${database}-wal`]) expect(statSync(file).mode & 0o777, file).toBe(0o600);
});

test('connections that run the agent out of descriptors are refused with 503, and it lives on', async () => {
  const host = new TestHost();
  const sockets: Socket[] = [];
  onTestFinished(() => sockets.forEach((each) => void each.destroy()));
  const command = ['--nofile=512:512', 'nsenter', `--net=${host.netns}`, process.execPath];
  const own = ['--socket', host.socket, '--database', host.database, '--pins', host.pins];
  const main = path.join(import.meta.dirname, '../../../server/main.ts');
  const child = spawn('prlimit', [...command, main, ...own], { stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    log += part;
  });
  while (!log.includes('agent ready on')) await once(child.stderr, 'data');
  for (let count = 0; count < 600; count += 1) {
    const socket = connect(host.socket);
    socket.on('error', () => undefined);
    sockets.push(socket);
    await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  }
  expect(await text(sockets.at(-1)!)).toMatch(/^HTTP\/1\.1 503 [\s\S]*"code":"overloaded"/);
  expect(child.exitCode).toBeNull();
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => sessionAs(host, { uid: 0, gid: 0 })).toMatchObject({ role: 'viewer' });
});
