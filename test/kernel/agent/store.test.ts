import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { AgentProcess, TestHost } from './agent-fixture.ts';

/** Returns a host with one pod whose agent has stopped. */
async function stoppedHost() {
  const host = new TestHost();
  const agent = await new AgentProcess(host).ready();
  const cart = await agent.attach('cart', 33);
  await agent.stop('SIGTERM');
  return { host, cart };
}

/** Expects that the agent does not start and prints one line with the reason, and that the pod keeps its network. */
async function expectRefusal({ host }: { host: TestHost }, database: string, reason: RegExp) {
  const agent = new AgentProcess(host, '--database', database);
  expect(await agent.ended).toBe(1);
  expect(agent.stderr).toMatch(reason);
  expect(agent.stderr).toContain(database);
  expect(agent.stderr).not.toContain('    at ');
  expect(await host.ping(host.netns, '10.42.0.33', 5)).toBe(5);
}

/** Mounts a tmpfs until the test has finished. */
function mountTmpfs(folder: string, options: string): void {
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'podlane-test', folder]);
  onTestFinished(() => {
    execFileSync('umount', [folder]);
  });
}

test('a corrupt database is named at start, and the pods keep their network', async () => {
  const stopped = await stoppedHost();
  const { database } = stopped.host;
  writeFileSync(database, Buffer.alloc(20_000, 'corrupt '));
  await expectRefusal(stopped, database, /file is not a database .*\n.*the pods keep their network/);
});

test('a database that cannot be written is named at start, and the pods keep their network', async () => {
  const stopped = await stoppedHost();
  const folder = path.join(stopped.host.folder, 'read-only');
  mountTmpfs(folder, 'size=1m');
  const database = path.join(folder, 'podlane.db');
  cpSync(stopped.host.database, database);
  execFileSync('mount', ['-o', 'remount,ro', folder]);
  await expectRefusal(stopped, database, /EROFS: read-only file system.*\n.*writable/);
});

test('a full disk is named at start, and the pods keep their network', async () => {
  const stopped = await stoppedHost();
  const folder = path.join(stopped.host.folder, 'full');
  mountTmpfs(folder, 'size=64k');
  writeFileSync(path.join(folder, 'filler'), Buffer.alloc(48 << 10));
  await expectRefusal(stopped, path.join(folder, 'podlane.db'), /disk is full .*\n.*space/);
});

test('a disk that fills up later refuses what cannot be stored and changes nothing', async () => {
  const host = new TestHost();
  const folder = path.join(host.folder, 'small');
  mountTmpfs(folder, 'size=1m');
  const agent = await new AgentProcess(host, '--database', path.join(folder, 'podlane.db')).ready();
  const cart = await agent.attach('cart', 33);
  try {
    writeFileSync(path.join(folder, 'filler'), Buffer.alloc(1 << 20));
  } catch {}
  let refused = await agent.call('GET', '/pods');
  for (let last = 34; last < 60 && refused.status < 400; last++) {
    const netns = host.addNamespace(`p${last}`);
    const wanted = {
      namespace: 'shop',
      name: `p${last}`,
      netns,
      addresses: [`10.42.0.${last}/32`],
      kind: 'veth',
    };
    refused = await agent.call('POST', '/pods', wanted);
  }
  expect(refused).toMatchObject({ status: 500, body: { code: 'store_failed' } });
  expect(refused.body.detail).toMatch(/disk (is )?full/);
  const { body } = await agent.call('GET', '/pods');
  const devices = JSON.parse(host.in(host.netns, 'ip', '-j', 'link', 'show', 'type', 'veth'));
  expect(devices).toHaveLength(body.items.length);
  expect(await host.ping(host.netns, cart.addresses[0]!.split('/')[0]!, 5)).toBe(5);
});
