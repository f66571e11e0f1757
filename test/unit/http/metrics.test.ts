import { expect, onTestFinished, test } from 'vitest';
import { counterDefinitions, toDropCounterName } from '../../../contract/counter-table.ts';
import { decodeSampleFrame } from '../../../contract/sample-frame.ts';
import { counterIndexByName, createZeroSlotCounters } from '../../../server/bpf/counter-layout.ts';
import type { KernelDropCounters } from '../../../server/counters/kernel-drop-counters.ts';
import { PodDropCounters } from '../../../server/counters/pod-drops.ts';
import { type CounterSample, readCounterValue, readPodSamples } from '../../../server/counters/sample.ts';
import { createSlotCounterReader } from '../../../server/counters/slot-counter-reader.ts';
import type { Datapath } from '../../../server/datapath/datapath.ts';
import type { SampledPod } from '../../../server/datapath/sampled-pod.ts';
import { buildApiApp } from '../../../server/http/app.ts';
import { encodeSampleFrame } from '../../../server/stream/encode-sample-frame.ts';
import { podlaneVersion } from '../../../server/version.ts';
import { newMigration } from '../store/records.ts';
import { fakeAgent } from './fake-agent.ts';

type Scratch = Awaited<ReturnType<typeof fakeAgent>>;

async function appOf(agent: Scratch['agent']) {
  const app = await buildApiApp(agent, { version: '0' });
  onTestFinished(() => app.close());
  return app;
}

const cart: SampledPod = {
  id: 'id-cart',
  number: 1,
  slots: [3, 5],
  netnsInode: 1n,
  kind: 'veth',
  carried: carried(),
  requests: { ok: 40, failed: 2 },
};

/** Counters of a slot, `factor` times as many packets as at factor 1; denied packets occur in no direction. */
function slotCounters(slot: number, factor: number): bigint[] {
  const values = createZeroSlotCounters();
  const put = (name: keyof typeof counterIndexByName, value: number): void => {
    values[counterIndexByName[name]] = BigInt(value * slot * factor);
  };
  put('egressPackets', 100);
  put('egressBytes', 9000);
  put('ingressPackets', 70);
  put('ingressBytes', 7000);
  put('egressRedirectedPackets', 30);
  put('egressRedirectedBytes', 3000);
  put('egressDroppedPackets.malformed', 1);
  put('ingressDroppedPackets.malformed', 2);
  put('egressDroppedPackets.unknown_protocol', 3);
  put('egressDroppedPackets.spoofed_source', 4);
  put('ingressDroppedPackets.fragment', 5);
  put('egressDroppedPackets', 8);
  put('ingressDroppedPackets', 7);
  return values;
}

function sampleAt(second: number, factor: number): CounterSample {
  const read = createSlotCounterReader({
    read: (slot) => slotCounters(slot, factor),
    sweep: () => expect.unreachable(),
  });
  return {
    scope: 'all',
    sequence: BigInt(second),
    realtimeNs: 0n,
    monotonicNs: BigInt(second) * 1_000_000_000n,
    pods: readPodSamples([cart], read),
  };
}

/** Counters of removed devices: one malformed packet that left the pod. */
function carried(): bigint[] {
  const values = createZeroSlotCounters();
  values[counterIndexByName['egressDroppedPackets.malformed']] = 1n;
  values[counterIndexByName.egressDroppedPackets] = 1n;
  return values;
}

/** Values of the exposition by series, without the comment lines. */
const series = (text: string): Map<string, number> =>
  new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );

test('metrics carry the totals of the last sample by pod, and migrations by result', async () => {
  const { agent, pods, sampler, drops } = await fakeAgent();
  const app = await appOf(agent);
  pods.add('cart');
  sampler.latest = sampleAt(1, 1);
  const noSocket = { reason: 'NO_SOCKET', number: 3, packets: 9, lastSeen: '2026-01-01T00:00:00Z' };
  drops.kernelDrops.set(1, [noSocket]).set(2, [noSocket]);
  pods.emit('migration', { ...newMigration('m1', 'cart'), state: 'done' });

  for (let scrape = 0; scrape < 2; scrape++) {
    const { body } = await app.inject('/api/v1/metrics');
    expect(body).toContain('podlane_pods{kind="veth"} 1');
    expect(body).toContain('podlane_pod_packets_total{namespace="shop",pod="cart",direction="egress"} 800');
    expect(body).toContain('podlane_pod_bytes_total{namespace="shop",pod="cart",direction="ingress"} 56000');
    expect(body).toContain(
      'podlane_pod_dropped_packets_total{namespace="shop",pod="cart",direction="ingress",reason="malformed"} 16',
    );
    expect(body).toContain(
      'podlane_pod_kernel_dropped_packets_total{namespace="shop",pod="cart",reason="NO_SOCKET"} 9',
    );
    expect(body).toContain('podlane_migrations_total{direction="fallback",result="done"} 1');
    expect(body).toContain(
      `podlane_build_info{version="${podlaneVersion}",node_version="${process.version}"} 1`,
    );
    expect(body).toContain('process_resident_memory_bytes');
  }
});

test('a reason that never occurred has no series', async () => {
  const { agent, pods, sampler } = await fakeAgent();
  const app = await appOf(agent);
  pods.add('cart');
  sampler.latest = sampleAt(1, 1);
  const { body } = await app.inject('/api/v1/metrics');
  expect(body).toContain('reason="fragment"');
  expect(body).not.toContain('reason="denied"');
  expect(body).not.toContain('direction="egress",reason="fragment"');
});

test('frame, metrics and REST give the same value of every counter in the table', async () => {
  const { agent, pods, sampler } = await fakeAgent();
  const sample = sampleAt(2, 2);
  const own = new PodDropCounters(
    Object.assign(pods, { all: () => [cart], get: () => cart }) as unknown as Datapath,
    { read: (slot) => slotCounters(slot, 2) },
    noKernelDrops,
  );
  onTestFinished(() => own.close());
  const app = await appOf({ ...agent, drops: own });
  pods.add('cart');
  sampler.previous = sampleAt(1, 1);
  sampler.latest = sample;

  const frame = decodeSampleFrame(encodeSampleFrame(sample).buffer as ArrayBuffer);
  const metrics = series((await app.inject('/api/v1/metrics')).body);
  const { ours } = (await app.inject('/api/v1/pods/id-cart/drops')).json<{
    ours: { reason: string; direction: string; packets: number }[];
  }>();
  expect(new Set(counterDefinitions.map(({ name }) => name)).size).toBe(counterDefinitions.length);
  for (const { name, metric, direction, reason, result } of counterDefinitions) {
    const value = readCounterValue(sample.pods[0]!, name);
    expect(frame.column(name), name).toEqual(BigUint64Array.of(value!));
    const labels = Object.entries({ direction, reason, result }).filter(([, label]) => label !== undefined);
    const matching = [...metrics].filter(
      ([key]) =>
        key.startsWith(`${metric ?? 'podlane_pod_dropped_packets_total'}{namespace="shop",pod="cart",`) &&
        labels.every(([label, text]) => key.includes(`${label}="${text}"`)),
    );
    const total = matching.reduce((sum, [, each]) => sum + each, 0);
    expect(total, `${name} as a metric`).toBe(Number(value));
    if (metric !== undefined && value !== 0n) expect(matching, name).toHaveLength(1);
    if (reason === undefined) continue;
    const entry = ours.find((each) => each.reason === reason && each.direction === direction);
    expect(entry?.packets ?? 0, `${name} in the API`).toBe(Number(value));
  }
  expect(frame.column(toDropCounterName('egress', 'malformed'))).toEqual(BigUint64Array.of(17n));

  const { traffic } = (await app.inject('/api/v1/pods/id-cart/path')).json();
  expect(traffic).toEqual({ seconds: 1, redirected: 240, hostRouted: 560, dropped: 64 });
});

/** Rules of promtool's linter, as far as they concern names, help texts and labels. */
test('metrics keep the naming rules of Prometheus', async () => {
  const { agent, pods, sampler } = await fakeAgent();
  const app = await appOf(agent);
  pods.add('cart');
  sampler.latest = sampleAt(1, 1);
  pods.emit('migration', { ...newMigration('m1', 'cart'), state: 'done' });
  const { body } = await app.inject('/api/v1/metrics');
  const help = new Map(
    [...body.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name = '', text = '']) => [name, text]),
  );
  const types = [...body.matchAll(/^# TYPE (podlane_\S+) (\S+)$/gm)];
  expect(types.length).toBeGreaterThan(12);
  for (const [, name = '', type] of types) {
    expect(help.get(name), name).toMatch(/^[A-Z0-9].*\.$/);
    expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
    expect(name.endsWith('_total'), `${name} is a ${type}`).toBe(type === 'counter');
    expect(name).not.toMatch(/_(count|sum|bucket|counter|gauge)$/);
    // Base units only, and as the last word before _total.
    expect(name).not.toMatch(/_(milliseconds|ms|minutes|hours|kilobytes|kb|bits|percent)(_|$)/);
    if (/_(bytes|seconds|packets)_/.test(name)) expect(name).toMatch(/_(bytes|seconds|packets)(_total)?$/);
  }
  for (const key of series(body).keys())
    if (key.startsWith('podlane_'))
      for (const [, label] of key.matchAll(/([^{,]+)="/g)) {
        expect(label).toMatch(/^[a-z][a-z0-9_]*$/);
        expect(['le', 'quantile', 'job', 'instance']).not.toContain(label);
      }
});

const noKernelDrops = {
  track: () => {},
  untrack: () => {},
  read: () => ({ available: false, since: null, detail: '', hint: null, lost: 0, reasons: [] }),
  readAll: () => new Map(),
  close: () => {},
} satisfies Partial<KernelDropCounters> as unknown as KernelDropCounters;
