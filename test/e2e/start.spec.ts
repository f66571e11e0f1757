import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, test } from '@playwright/test';
import { startChildProcess, waitUntilReady } from '../../scripts/child-process.ts';
import { chooseUnprivilegedUser, dropPrivilegesArguments } from '../../scripts/unprivileged-user.ts';
import { makeNetns } from './fixtures/netns.ts';

/** Process ids of the children of `pid`. */
const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);

/** Waits a moment for Node's inspector on its usual port, and prints whether it is there. */
const inspectorStatus = `setTimeout(() => require('net').connect(9229, '127.0.0.1')
  .on('connect', function () { console.log('open'); this.destroy(); })
  .on('error', () => console.log('refused')), 500)`;

/** Starts `npm start`'s program in a network namespace of its own. */
async function start(netns: string, folder: string) {
  const ready = Promise.withResolvers<string>();
  const pins = `/sys/fs/bpf/${basename(folder)}`;
  const child = startChildProcess({
    name: 'the start command',
    command: [
      ...['nsenter', `--net=${netns}`, '--', process.execPath, 'scripts/start.ts', '--json', '--port', '0'],
      ...[
        '--socket',
        join(folder, 'run/agent.sock'),
        '--database',
        join(folder, 'podlane.db'),
        '--pins',
        pins,
      ],
    ],
    onLine: (line) => ready.resolve(JSON.parse(line).link),
  });
  return { child, link: await waitUntilReady(child, ready.promise) };
}

test('one command starts agent and gateway and prints a link; SIGINT ends both and leaves no process', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-e-start-'));
  using host = makeNetns('start');
  try {
    const { child, link } = await start(host.path, folder);
    const [agent, gateway] = childrenOf(child.pid) as [number, number];
    const fetchStatus = `fetch('${link}', { redirect: 'manual' }).then(({ status }) => console.log(String(status)))`;
    expect(host.run(process.execPath, '-e', fetchStatus).trim()).toBe('303');
    expect(host.run(process.execPath, '-e', fetchStatus).trim()).toBe('401');
    // The token must not be where every user of the machine can read it.
    const token = new URL(link).searchParams.get('token')!;
    for (const pid of [child.pid, agent, gateway])
      expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(token);

    // The gateway belongs to a user of its own, whose processes can neither read nor debug it.
    expect(statSync(`/proc/${gateway}/environ`).uid).toBe(0);
    const status = readFileSync(`/proc/${gateway}/status`, 'utf8');
    const [, uid] = /^Uid:\t(\d+)/m.exec(status)!;
    const [, gid] = /^Gid:\t(\d+)/m.exec(status)!;
    expect(statSync(join(folder, 'run/agent.sock')).gid).toBe(Number(gid));
    expect(readFileSync('/etc/passwd', 'utf8')).not.toContain(`:${uid}:`);
    process.kill(gateway, 'SIGUSR1');
    expect(host.run(process.execPath, '-e', inspectorStatus).trim()).toBe('refused');

    const before = Date.now();
    process.kill(child.pid, 'SIGINT');
    expect(await child.ended).toBe('ended with code 0');
    expect(Date.now() - before).toBeLessThan(5_000);
    for (const pid of [agent, gateway]) expect(existsSync(`/proc/${pid}`)).toBe(false);
  } finally {
    rmSync(`/sys/fs/bpf/${basename(folder)}`, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
});

test('when the agent dies the start command reports it and stops the gateway', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-e-start-'));
  using host = makeNetns('start');
  try {
    const { child } = await start(host.path, folder);
    const [agent, gateway] = childrenOf(child.pid) as [number, number];
    process.kill(agent, 'SIGKILL');
    expect(await child.ended).toBe('ended with code 1');
    expect(existsSync(`/proc/${gateway}`)).toBe(false);
  } finally {
    rmSync(`/sys/fs/bpf/${basename(folder)}`, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
});

test('if no other user can read the installation, its owner runs the gateway, without capabilities even as root', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-e-private-'));
  try {
    const user = chooseUnprivilegedUser(folder);
    expect(user).toEqual({ uid: 0, gid: user.gid, because: join(folder, 'gateway/main.ts') });
    // A group of the gateway's own, which no account has.
    expect(readFileSync('/etc/group', 'utf8')).not.toContain(`:${user.gid}:`);
    expect(user.gid).not.toBe(0);
    const show = [...dropPrivilegesArguments(user), 'grep', '^Cap', '/proc/self/status'];
    const sets = execFileSync('setpriv', show, { encoding: 'utf8' }).trim().split('\n');
    expect(sets.map((line) => line.split('\t')[1])).toEqual(Array(5).fill('0000000000000000'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
