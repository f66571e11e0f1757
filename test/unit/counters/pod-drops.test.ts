import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import type { Migration } from '../../../contract/migration.ts';
import type { PodSummary } from '../../../contract/pod.ts';
import { counterIndexByName, createZeroSlotCounters } from '../../../server/bpf/counter-layout.ts';
import { decodeKernelDropCount } from '../../../server/bpf/kernel-drop-program.ts';
import type { DropTrackedPod, KernelDropCounters } from '../../../server/counters/kernel-drop-counters.ts';
import { PodDropCounters } from '../../../server/counters/pod-drops.ts';
import type { DatapathEvents } from '../../../server/datapath/datapath-events.ts';
import type { SampledPod } from '../../../server/datapath/sampled-pod.ts';

test('a map entry decodes to the sum over the CPUs and the latest time', () => {
  const key = Buffer.from(Uint32Array.of(7, 0x0003_0002).buffer);
  const values = Buffer.from(BigUint64Array.of(5n, 900n, 0n, 0n, 2n ** 40n, 800n).buffer);
  expect(decodeKernelDropCount(key, values)).toEqual({
    pod: 7,
    reason: 0x0003_0002,
    packets: 2n ** 40n + 5n,
    lastNs: 900n,
  });
});

const cart: SampledPod = {
  id: 'cart',
  number: 7,
  slots: [1],
  netnsInode: 40n,
  kind: 'netkit',
  requests: null,
  carried: createZeroSlotCounters(),
};

class Pods extends EventEmitter<DatapathEvents> {
  readonly pods = new Map<string, SampledPod>([['cart', cart]]);
  all = () => [...this.pods.values()];
  get = (id: string) => this.pods.get(id);
  summaries = () => [{ id: 'cart', createdAt: '2026-01-01T00:00:00.000Z' }] as PodSummary[];
}

function open(read = (_slot: number): bigint[] => createZeroSlotCounters()) {
  const said: [string, number, ...number[]][] = [];
  const kernel = {
    track: ({ number, slots }: DropTrackedPod) => void said.push(['track', number, ...slots]),
    untrack: (number: number) => void said.push(['untrack', number]),
    read: () => ({ available: false, since: null, detail: '', hint: null, lost: 0, reasons: [] }),
    readAll: () => new Map(),
    close: () => void said.push(['close', 0]),
  } satisfies Partial<KernelDropCounters>;
  const pods = new Pods();
  const drops = new PodDropCounters(pods, { read }, kernel as unknown as KernelDropCounters);
  return { pods, drops, said };
}

test('a pod is tracked with all its devices until it is removed', () => {
  const { pods, drops, said } = open();
  expect(said.splice(0)).toEqual([['track', 7, 1]]);
  pods.pods.set('cart', { ...cart, slots: [1, 2] });
  pods.emit('migration', { podId: 'cart' } as Migration);
  expect(said.splice(0)).toEqual([['track', 7, 1, 2]]);
  pods.pods.set('web', { ...cart, id: 'web', number: 8, slots: [3] });
  pods.emit('pod', { id: 'web' } as PodSummary);
  expect(said.splice(0)).toEqual([['track', 8, 3]]);
  pods.pods.delete('cart');
  pods.emit('pod-removed', 'cart');
  pods.emit('pod-removed', 'never there');
  pods.emit('migration', { podId: 'cart' } as Migration);
  expect(said.splice(0)).toEqual([['untrack', 7]]);
  drops.close();
  pods.emit('pod', { id: 'web' } as PodSummary);
  expect(said).toEqual([['close', 0]]);
});

test('own drops are summed over all devices, most frequent first, without reasons that never occurred', () => {
  const spoofedOut = counterIndexByName['egressDroppedPackets.spoofed_source'];
  const counters = (values: Record<number, bigint>) =>
    createZeroSlotCounters().map((_, i) => values[i] ?? 0n);
  const { pods, drops } = open((slot) =>
    counters({ [spoofedOut]: BigInt(slot), [counterIndexByName['ingressDroppedPackets.malformed']]: 50n }),
  );
  // A pod attached before a counter existed has fewer carried counters.
  pods.pods.set('cart', {
    ...cart,
    slots: [1, 2],
    carried: counters({ [spoofedOut]: 7n }).slice(0, spoofedOut + 1),
  });
  expect(drops.of('cart')).toMatchObject({
    since: '2026-01-01T00:00:00.000Z',
    ours: [
      { reason: 'malformed', direction: 'ingress', packets: 100 },
      { reason: 'spoofed_source', direction: 'egress', packets: 10 },
    ],
  });
});
