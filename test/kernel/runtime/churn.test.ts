import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { deleteNamedNamespace, openNetworkNamespace } from '../../../server/kernel/netns.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { addNamespaceQuickly, listObserved } from '../../testbed/observed-pods.ts';
import { pollUntil } from '../../testbed/poll.ts';

/** Pods a second that come and go, and how many of each. */
const perSecond = 50;
const total = 300;
/** How many pods live at a time. */
const alive = 25;

const names = new Set<string>();
afterEach(() => {
  for (const name of names) deleteNamedNamespace(name);
});

test(`stays right when ${perSecond} pods a second come and go`, async () => {
  await using node: TestNode = await startTestNode(['--observe', 'programs', '--cni-cache', 'none']);
  const prefix = `podlane-t-${randomBytes(3).toString('hex')}`;
  using host = openNetworkNamespace(node.host);
  using socket = NetlinkSocket.inNamespace(host.fd);
  const inodes = new Map<number, string>();
  const descriptors = (): number => readdirSync(`/proc/${node.agentPid}/fd`).length;
  const before = descriptors();
  const begun = performance.now();
  for (let i = 0; i < total; i++) {
    const name = `${prefix}-${i}`;
    names.add(name);
    inodes.set(await addNamespaceQuickly(socket, { name, hostEnd: `c${i}` }), name);
    if (i >= alive) deleteNamedNamespace(`${prefix}-${i - alive}`);
    const due = begun + ((i + 1) * 1000) / perSecond;
    if (due > performance.now()) await sleep(due - performance.now());
  }
  // Those that still live, and no other.
  const living = Array.from({ length: alive }, (_, i) => `${prefix}-${total - alive + i}`);
  const seen = await pollUntil(
    async () => (await listObserved(node)).filter(({ name }) => name.startsWith(prefix)),
    (pods) =>
      pods
        .map(({ name }) => name)
        .sort()
        .join() === living.toSorted().join(),
  );
  for (const pod of seen) {
    expect(inodes.get(pod.inode)).toBe(pod.name);
    expect(pod).toMatchObject({
      kind: 'veth',
      countedBy: 'programs',
      hostEnd: { name: expect.stringMatching(/^c\d+$/) },
    });
  }
  for (const name of living) deleteNamedNamespace(name);
  await pollUntil(
    async () => (await listObserved(node)).filter(({ name }) => name.startsWith(prefix)),
    (pods) => pods.length === 0,
  );
  await pollUntil(
    async () => readdirSync(join(node.pins, 'observe/links')),
    (pins) => pins.length === 0,
  );
  const entries = JSON.parse(
    execFileSync('bpftool', ['-j', 'map', 'dump', 'pinned', join(node.pins, 'observe/counters')], {
      encoding: 'utf8',
    }),
  );
  expect(entries).toEqual([]);
  // No namespace is kept alive, and no descriptor left.
  expect(
    readdirSync(`/proc/${node.agentPid}/fd`).filter((fd) => isNamespace(node.agentPid, fd)),
  ).toHaveLength(1);
  expect(descriptors()).toBeLessThanOrEqual(before + 5);
});

const isNamespace = (pid: number, fd: string): boolean => {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('net:[');
  } catch {
    return false;
  }
};
