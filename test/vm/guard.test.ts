import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { AgentEvent } from '../../contract/agent-event.ts';
import type { GuardAction, PodGuard } from '../../contract/guard.ts';
import type { Migration } from '../../contract/migration.ts';
import type { Pod } from '../../contract/pod.ts';
import { ping, startTestNode, type TestNode } from '../testbed/node.ts';

const hostAddress = '192.0.2.1';
const soon = { timeout: 160_000, interval: 200 };
const coolDownMs = 3000;

let node: TestNode;
let open: Pod;
let closed: Pod;
let unguarded: Pod;

beforeAll(async () => {
  node = await startTestNode();
  node.run(['ip', 'address', 'add', `${hostAddress}/32`, 'dev', 'lo']);
  await node.ask('PUT', '/node/guard', {
    coolDownSeconds: coolDownMs / 1000,
    repairs: 2,
    probeSeconds: 1,
    probeTimeoutMs: 500,
    probeFailures: 3,
  });
  // Without a program it passes all, so that only the fallback itself can lose packets.
  const policy = { primary: 'forward', peer: 'forward' } as const;
  open = await node.addPod('open', '10.42.0.2/32', { netkit: { policy } });
  closed = await node.addPod('closed', '10.42.0.3/32');
  unguarded = await node.addPod('unguarded', '10.42.0.4/32');
  await node.ask('PUT', '/pods/shop.unguarded/guard', { on: false });
});
afterAll(() => node?.[Symbol.asyncDispose]());

const guardOf = (name: string): Promise<PodGuard> => node.ask<PodGuard>('GET', `/pods/shop.${name}/guard`);
const podOf = (name: string): Promise<Pod> => node.ask<Pod>('GET', `/pods/shop.${name}`);
const actionsOf = async (name: string): Promise<GuardAction['action'][]> =>
  (await guardOf(name)).actions.map(({ action }) => action).reverse();
const eventsOf = async (name: string): Promise<AgentEvent[]> =>
  (await node.ask<{ items: AgentEvent[] }>('GET', `/events?pod=shop.${name}`)).items;
const programs = (pod: Pod): string[] => pod.device!.programs.map(({ hook }) => hook).sort();

/** As somebody else would, who knows nothing of us. */
async function detachLink(name: string, hook: string): Promise<void> {
  const { linkId } = (await podOf(name)).device!.programs.find((each) => each.ours && each.hook === hook)!;
  execFileSync('bpftool', ['link', 'detach', 'id', String(linkId)]);
}

test('a pod that somebody cut off is repaired within seconds, and the event says what was seen', async () => {
  await detachLink('closed', 'netkit/peer');
  await vi.waitFor(async () => expect(await actionsOf('closed')).toEqual(['repair']), soon);
  expect(programs(await podOf('closed'))).toEqual(['netkit/peer', 'netkit/primary']);
  expect(await ping(closed.netns.path, '10.42.0.2', 50)).toMatchObject({ sent: 50, lost: 0 });
  const event = (await eventsOf('closed')).find(({ type }) => type === 'guard.repaired');
  expect(event).toMatchObject({ severity: 'warning' });
  expect(event!.message).toMatch(
    /reattached the programs of shop\/closed: Podlane’s program is not on netkit\/peer of pl\d+, since .*Z; pl\d+: no packet passes out of the pod, because netkit\/peer has no program and policy blackhole, since/,
  );
});

test('detached again and again, it moves the pod to veth without losing a packet, and leaves it there', async () => {
  await detachLink('unguarded', 'netkit/primary');
  const pinging = ping(closed.netns.path, '10.42.0.2', 8000);
  for (const acts of [1, 2, 3]) {
    await detachLink('open', 'netkit/primary');
    await vi.waitFor(async () => expect(await actionsOf('open')).toHaveLength(acts), soon);
  }
  expect(await actionsOf('open')).toEqual(['repair', 'repair', 'fallback']);
  await vi.waitFor(async () => expect((await guardOf('open')).stage).toBe('fallen-back'), soon);
  expect(await pinging).toMatchObject({ lost: 0 });

  const { actions } = await guardOf('open');
  const times = actions.map(({ time }) => Date.parse(time));
  for (const [i, time] of times.slice(0, -1).entries())
    expect(time - times[i + 1]!).toBeGreaterThanOrEqual(coolDownMs);
  const migration = await node.ask<Migration>('GET', `/migrations/${actions[0]!.migrationId}`);
  expect(migration).toMatchObject({ state: 'done', actor: 'guard', direction: 'fallback' });
  const pod = await podOf('open');
  expect(pod).toMatchObject({ kind: 'veth' });
  expect(pod.attention).toEqual([
    expect.stringMatching(/^the guard moved it to veth: Podlane’s program is not on netkit\/primary/),
  ]);
});

test('a person promotes it again, and the guard watches it anew', async () => {
  expect((await node.migrate('shop.open', 'netkit')).state).toBe('done');
  await vi.waitFor(async () => expect(await guardOf('open')).toMatchObject({ stage: 'watching' }), soon);
  expect((await podOf('open')).attention).toEqual([]);
  expect(open.id).toBe((await podOf('open')).id);
});

test('probes that fail on veth too end in a pod left alone, with the reason, until somebody resumes', async () => {
  const probe = async () => (await guardOf('closed')).readings.find(({ signal }) => signal === 'probe');
  await vi.waitFor(async () => expect(await probe()).toMatchObject({ state: 'healthy' }), soon);
  node.run(['ip', 'route', 'add', 'blackhole', hostAddress], closed.netns.path);
  await vi.waitFor(async () => expect((await guardOf('closed')).stage).toBe('left-alone'), soon);
  // The first repair is of the test before, and still counts.
  expect(await actionsOf('closed')).toEqual(['repair', 'repair', 'fallback', 'leave-alone']);
  const pod = await podOf('closed');
  expect(pod.kind).toBe('veth');
  expect(pod.attention).toEqual([
    expect.stringMatching(
      /^automatic recovery failed and has stopped: ICMP echo to 10\.42\.0\.3: \d+ in a row without answer \(threshold 3\)/,
    ),
  ]);
  const acts = await actionsOf('closed');
  // The agent that starts next leaves it alone as well.
  await node.killAgent();
  await node.startAgent();
  await sleep(1.5 * coolDownMs);
  expect(await guardOf('closed')).toMatchObject({ stage: 'left-alone' });
  expect(await actionsOf('closed')).toEqual(acts);

  node.run(['ip', 'route', 'delete', 'blackhole', hostAddress], closed.netns.path);
  await node.ask('POST', '/pods/shop.closed/guard/resume');
  expect(await guardOf('closed')).toMatchObject({ stage: 'watching' });
  expect((await podOf('closed')).attention).toEqual([]);
});

test('switched off, the guard has done nothing', async () => {
  expect(await guardOf('unguarded')).toMatchObject({ watched: false, readings: [], actions: [] });
  expect((await eventsOf('unguarded')).filter(({ type }) => type !== 'guard.changed')).not.toContainEqual(
    expect.objectContaining({ type: expect.stringMatching(/^guard\./) }),
  );
  expect(unguarded.kind).toBe('netkit');
});
