import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { PreflightReason } from '../../../contract/preflight-reasons.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { probeCapabilities } from '../../../server/kernel/probe-capabilities.ts';
import { getLink } from '../../../server/netlink/link.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import type { PreflightTarget } from '../../../server/preflight/preflight-target.ts';
import { type PreflightOptions, Preflights } from '../../../server/preflight/preflights.ts';
import { testNamespace } from '../netlink/namespaces.ts';

const capabilities = await probeCapabilities();

function open(targets: readonly PreflightTarget[], limits: PreflightOptions['limits'] = {}): Preflights {
  const preflights = new Preflights({
    node: {
      name: 'here',
      kernelRelease: 'any',
      capabilities,
      slots: { used: 0, max: 8 },
      redirect: true,
      usesConntrack: true,
      cniConfig: '/nonexistent',
    },
    targets: [{ list: () => targets, find: (id) => targets.find(({ pod }) => pod.id === id) }],
    limits,
  });
  onTestFinished(() => preflights.close());
  return preflights;
}

const target = (name: string, more: Partial<PreflightTarget> = {}): PreflightTarget => ({
  pod: { id: name, namespace: 'shop', name, kind: 'veth', origin: 'observed' },
  labels: {},
  netns: { path: '/proc/self/ns/net', inode: 0n },
  primaryIfindex: null,
  peerIfindex: null,
  runtime: null,
  plan: async () => ({ checks: [], items: [] }),
  readHooks: async () => ({ programs: [], translators: [] }),
  ...more,
});

/** A pod with a veth device between the test's own namespace and another; the ends have these MTUs. */
async function targetWithDevice(
  name: string,
  mtus: { host: number; pod: number },
  more: Partial<PreflightTarget> = {},
) {
  const namespace = testNamespace();
  const primary = `t${Math.random().toString(36).slice(2, 10)}`;
  using host = NetlinkSocket.open();
  execFileSync(
    'ip',
    `link add ${primary} mtu ${mtus.host} type veth peer name eth0 mtu ${mtus.pod} netns ${namespace.name}`.split(
      ' ',
    ),
  );
  onTestFinished(() => namespace[Symbol.dispose]()); // its end takes the other one with it
  const { ino: inode } = statSync(`/run/netns/${namespace.name}`, { bigint: true });
  const link = await getLink(host, { name: primary });
  const peer = await getLink(namespace.socket, { name: 'eth0' });
  return target(name, {
    netns: { path: `/run/netns/${namespace.name}`, inode },
    primaryIfindex: link?.ifindex ?? null,
    peerIfindex: peer?.ifindex ?? null,
    ...more,
  });
}

const reasons = async (preflights: Preflights, id: string): Promise<PreflightReason[]> =>
  (await preflights.pod(id)).checks.flatMap(({ findings }) => findings.map(({ reason }) => reason));

test('a pod that others made is looked at through the same port', async () => {
  const pod = await targetWithDevice('observed', { host: 1500, pod: 1400 });
  const preflights = open([pod]);
  const found = await preflights.pod('shop.observed');
  expect(found.pod.origin).toBe('observed');
  expect(found.verdict).toBe('ready');
  expect(await reasons(preflights, 'observed')).toContain('mtu_differs');
});

test('a runtime that says what it is decides, without any process', async () => {
  const pods = await Promise.all(
    (['kata-qemu', 'io.containerd.runsc.v1', 'runc', null] as const).map((runtime) =>
      targetWithDevice(`by-${runtime ?? 'nothing'}`, { host: 1280, pod: 1280 }, { runtime }),
    ),
  );
  const preflights = open(pods);
  const verdicts = (await preflights.look({ all: true })).pods.map(({ pod, verdict }) => [pod.name, verdict]);
  expect(Object.fromEntries(verdicts)).toEqual({
    'by-kata-qemu': 'refused',
    'by-io.containerd.runsc.v1': 'refused',
    'by-runc': 'ready',
    'by-nothing': 'ready',
  });
});

test('a plan that fails for another reason than a refusal makes the pod unknown, and names what was not looked at', async () => {
  const pod = await targetWithDevice(
    'failing',
    { host: 1280, pod: 1280 },
    {
      plan: async () => {
        throw new Error('read the routes: EIO');
      },
    },
  );
  const found = await open([pod]).pod('failing');
  expect(found.verdict).toBe('unknown');
  const states = Object.fromEntries(found.checks.map(({ subject, state }) => [subject, state]));
  expect(states).toMatchObject({
    sockets: 'not_checked',
    firewall: 'not_checked',
    mtu: 'passed',
    runtime: 'passed',
  });
  expect(found.checks.find(({ subject }) => subject === 'sockets')?.findings[0]?.detail).toBe(
    'read the routes: EIO',
  );
});

test('a plan that is refused by a problem names the problem', async () => {
  const pod = await targetWithDevice(
    'refused',
    { host: 1280, pod: 1280 },
    {
      plan: async () => {
        throw new ProblemError('no_slot', 'all slots are in use');
      },
    },
  );
  const found = await open([pod]).pod('refused');
  expect(found.verdict).toBe('refused');
  expect(found.reasons[0]).toMatchObject({ reason: 'no_slot', outcome: 'refused' });
});

test('a namespace that has another inode than the pod’s is not the pod’s', async () => {
  expect(await reasons(open([target('other')]), 'other')).toContain('pod_gone');
});

test('a pod on netkit is on netkit whatever is found, and nothing is planned for it', async () => {
  let planned = 0;
  const pod = target('there', {
    pod: { id: 'there', namespace: 'shop', name: 'there', kind: 'netkit', origin: 'podlane' },
    plan: async () => {
      planned++;
      return { checks: [], items: [] };
    },
  });
  const found = await open([pod]).pod('there');
  expect([found.verdict, planned]).toEqual(['on_netkit', 0]);
  expect(found.checks.map(({ subject }) => subject)).not.toContain('sockets');
});

test('a few pods are looked at at once, and after the time of a request no further ones', async () => {
  let running = 0;
  let most = 0;
  const slow = async () => {
    most = Math.max(most, ++running);
    await sleep(100);
    running--;
    return { checks: [], items: [] };
  };
  const pods = Array.from({ length: 20 }, (_, i) => target(`pod-${i}`, { plan: slow }));
  const preflights = open(pods, { podsAtOnce: 3, requestMs: 250 });
  const since = new Date().toISOString();
  const first = await preflights.look({ all: true, since });
  expect(most).toBe(3);
  expect(first.remaining).toBeGreaterThan(0);
  expect(first.remaining).toBeLessThan(20);
  const left = first.pods.filter(({ lookedAt }) => lookedAt === null);
  expect(left.length).toBe(first.remaining);
  expect(left[0]).toMatchObject({
    verdict: 'unknown',
    findings: [{ reason: 'not_reached', outcome: 'unknown' }],
  });
  // The next requests go on from there.
  let found = first;
  for (let asked = 1; found.remaining > 0; asked++) {
    expect(asked).toBeLessThan(20);
    const before = found.remaining;
    found = await preflights.look({ all: true, since });
    expect(found.remaining).toBeLessThan(before);
  }
  expect(found.pods.every(({ lookedAt }) => lookedAt !== null)).toBe(true);
});

test('a pod that takes longer than a request is unknown, and the look goes on for the next request', async () => {
  let planned = 0;
  const { promise, resolve } = Promise.withResolvers<{ checks: []; items: [] }>();
  const pod = target('long', {
    plan: () => {
      planned++;
      return promise;
    },
  });
  const preflights = open([pod], { answerMs: 500 });
  const [one, many] = await Promise.all([preflights.pod('long'), preflights.look({ all: true })]);
  expect(one.verdict).toBe('unknown');
  expect(one.checks.filter(({ state }) => state === 'passed')).toEqual([]);
  expect(many.remaining).toBe(1);
  resolve({ checks: [], items: [] });
  const next = await preflights.look({ all: true, since: many.since });
  expect([next.remaining, planned]).toEqual([0, 1]);
});

test('requests that want a pod at the same time share the look', async () => {
  let planned = 0;
  const pod = target('shared', {
    plan: async () => {
      planned++;
      await sleep(100);
      return { checks: [], items: [] };
    },
  });
  const preflights = open([pod]);
  await Promise.all([
    preflights.pod('shared'),
    preflights.pod('shared'),
    preflights.look({ pods: ['shop.shared'] }),
  ]);
  expect(planned).toBe(1);
});

test('closing waits for what runs, and refuses what comes after', async () => {
  let ended = false;
  const pod = target('slow', {
    plan: async () => {
      await sleep(200);
      ended = true;
      return { checks: [], items: [] };
    },
  });
  const preflights = open([pod]);
  const running = preflights.pod('slow');
  await sleep(50);
  await preflights.close();
  expect(ended).toBe(true);
  await running;
  await expect(preflights.pod('slow')).rejects.toMatchObject({ code: 'stopping' });
});
