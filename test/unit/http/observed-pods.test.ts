import { expect, onTestFinished, test } from 'vitest';
import type { ObservedPodSummary } from '../../../contract/observed-pod.ts';
import { buildApiApp } from '../../../server/http/app.ts';
import { toCounterSample } from '../../../server/runtime/counting/sample.ts';
import { fakeAgent } from './fake-agent.ts';

async function openApp() {
  const fake = await fakeAgent();
  const app = await buildApiApp(fake.agent, { version: '0' });
  onTestFinished(() => app.close());
  return { ...fake, app };
}

const summary = (place: number, more: Partial<ObservedPodSummary> = {}): ObservedPodSummary => ({
  id: `ns-${4026532000 + place}`,
  number: 2 ** 31 + place,
  inode: 4026532000 + place,
  namespace: null,
  name: `pod-${place}`,
  identifiedBy: 'netns',
  runtime: null,
  hostNetwork: false,
  kind: 'veth',
  interfaceCount: 1,
  addresses: [],
  hostEnd: null,
  labels: { app: 'web' },
  image: null,
  processes: 0,
  countedBy: 'statistics',
  since: new Date(0).toISOString(),
  ...more,
});

test('observed pods are listed by page, newest first', async () => {
  const { app, observed } = await openApp();
  observed.pods.push(...[1, 2, 3].map((place) => summary(place)));
  const first = (await app.inject('/api/v1/observed-pods?limit=2')).json();
  expect(first).toMatchObject({ observe: 'programs', items: [{ name: 'pod-3' }, { name: 'pod-2' }] });
  const second = (await app.inject(`/api/v1/observed-pods?limit=2&before=${first.next}`)).json();
  expect(second).toMatchObject({ items: [{ name: 'pod-1' }], next: null });
});

test('an id that no observed pod has is refused by a code of its own', async () => {
  const { app } = await openApp();
  const answer = await app.inject('/api/v1/observed-pods/ns-1');
  expect(answer.statusCode).toBe(404);
  expect(answer.json()).toMatchObject({ code: 'observed_pod_not_found' });
});

test('metrics have the names of a pod, its id and how it is counted, and no labels of its runtime', async () => {
  const { app, observed } = await openApp();
  observed.pods.push(
    summary(1, { namespace: 'shop', name: 'a"b', countedBy: 'programs' }),
    summary(2, { kind: null, hostNetwork: true, id: 'host-c0ffee' }),
  );
  observed.latest = toCounterSample(
    [
      {
        ...summary(1),
        namespaceId: 1,
        interfaces: [],
        identity: null!,
        since: new Date(0),
        carried: { egressPackets: 7n, egressBytes: 700n, ingressPackets: 2n ** 53n + 1n, ingressBytes: 0n },
      },
    ],
    { sequence: 1n, realtimeNs: 0n, monotonicNs: 0n },
  );
  observed.drops.set(2 ** 31 + 1, [
    { reason: 'NO_SOCKET', number: 3, packets: 9, lastSeen: '2026-01-01T00:00:00Z' },
  ]);
  const { body } = await app.inject('/api/v1/metrics');
  const names = 'namespace="shop",pod="a\\"b",id="ns-4026532001"';
  expect(body.split('\n').filter((line) => /^podlane_observed/.test(line))).toEqual([
    'podlane_observed_pods{kind="veth"} 1',
    'podlane_observed_pods{kind="host"} 1',
    `podlane_observed_pod_packets_total{${names},direction="egress",counted_by="programs"} 7`,
    `podlane_observed_pod_packets_total{${names},direction="ingress",counted_by="programs"} 9007199254740993`,
    `podlane_observed_pod_bytes_total{${names},direction="egress",counted_by="programs"} 700`,
    `podlane_observed_pod_bytes_total{${names},direction="ingress",counted_by="programs"} 0`,
    `podlane_observed_pod_kernel_dropped_packets_total{${names},reason="NO_SOCKET"} 9`,
  ]);
});
