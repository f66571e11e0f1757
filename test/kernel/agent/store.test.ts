import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { AgentProcess, Machine } from './machine.ts';

/** A machine with one pod whose agent was stopped. */
async function stoppedMachine() {
  const machine = new Machine();
  const agent = await new AgentProcess(machine).ready();
  const cart = await agent.attach('cart', 33);
  await agent.stop('SIGTERM');
  return { machine, cart };
}

/** The agent does not start and says why in a line of people’s words; the pod keeps its network. */
async function refuses({ machine }: { machine: Machine }, database: string, said: RegExp) {
  const agent = new AgentProcess(machine, '--database', database);
  expect(await agent.ended).toBe(1);
  expect(agent.stderr).toMatch(said);
  expect(agent.stderr).toContain(database);
  expect(agent.stderr).not.toContain('    at ');
  expect(await machine.ping(machine.netns, '10.42.0.33', 5)).toBe(5);
}

/** A file system of the test’s own. */
function mountTmpfs(folder: string, options: string): void {
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'podlane-test', folder]);
  onTestFinished(() => {
    execFileSync('umount', [folder]);
  });
}

test('a corrupt database is named at start, and the pods keep their network', async () => {
  const stopped = await stoppedMachine();
  const { database } = stopped.machine;
  writeFileSync(database, Buffer.alloc(20_000, 'corrupt '));
  await refuses(stopped, database, /file is not a database .*\n.*the pods keep their network/);
});

test('a database that cannot be written is named at start, and the pods keep their network', async () => {
  const stopped = await stoppedMachine();
  const folder = path.join(stopped.machine.folder, 'read-only');
  mountTmpfs(folder, 'size=1m');
  const database = path.join(folder, 'podlane.db');
  cpSync(stopped.machine.database, database);
  execFileSync('mount', ['-o', 'remount,ro', folder]);
  await refuses(stopped, database, /EROFS: read-only file system.*\n.*writable/);
});

test('a full disk is named at start, and the pods keep their network', async () => {
  const stopped = await stoppedMachine();
  const folder = path.join(stopped.machine.folder, 'full');
  mountTmpfs(folder, 'size=64k');
  writeFileSync(path.join(folder, 'filler'), Buffer.alloc(48 << 10));
  await refuses(stopped, path.join(folder, 'podlane.db'), /disk is full .*\n.*space/);
});

test('a disk that fills up later refuses what cannot be written down, and changes nothing', async () => {
  const machine = new Machine();
  const folder = path.join(machine.folder, 'small');
  mountTmpfs(folder, 'size=1m');
  const agent = await new AgentProcess(machine, '--database', path.join(folder, 'podlane.db')).ready();
  const cart = await agent.attach('cart', 33);
  try {
    writeFileSync(path.join(folder, 'filler'), Buffer.alloc(1 << 20));
  } catch {}
  let refused = await agent.call('GET', '/pods');
  for (let last = 34; last < 60 && refused.status < 400; last++) {
    const netns = machine.addNamespace(`p${last}`);
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
  const devices = JSON.parse(machine.in(machine.netns, 'ip', '-j', 'link', 'show', 'type', 'veth'));
  expect(devices).toHaveLength(body.items.length);
  expect(await machine.ping(machine.netns, cart.addresses[0]!.split('/')[0]!, 5)).toBe(5);
});
