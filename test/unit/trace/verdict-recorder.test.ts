import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import type { VerdictListQuery } from '../../../contract/verdict.ts';
import type { LostVerdictEvents } from '../../../server/acl/load/kernel-rules.ts';
import type { VerdictEvent } from '../../../server/bpf/packet-events.ts';
import { type PodChangeSource, PodNameResolver } from '../../../server/trace/pod-name-resolver.ts';
import { VerdictLog } from '../../../server/trace/verdict-log.ts';
import { VerdictRecorder } from '../../../server/trace/verdict-recorder.ts';
import { verdictEvent } from './event-fixtures.ts';

const summary = (number: number, name: string, addresses: string[]) => ({
  id: `id-${name}`,
  number,
  namespace: 'shop',
  name,
  addresses,
  slot: number,
});

/** Two pods and a kernel that tells what the test says. */
function stage() {
  const summaries = [summary(1, 'cart', ['10.0.0.1/32', 'fd00::1/128']), summary(2, 'web', ['10.0.0.2/32'])];
  const pods = Object.assign(new EventEmitter(), {
    summaries: () => summaries,
    all: () => summaries.map(({ id, number }) => ({ id, slots: [number], netnsInode: BigInt(number) })),
  }) as unknown as PodChangeSource;
  let listener: (events: readonly VerdictEvent[]) => void = () => {};
  const lost: LostVerdictEvents[] = [];
  const kernel = {
    onVerdicts: (told: typeof listener) => {
      listener = told;
      return () => {};
    },
    lostVerdicts: () => lost,
  };
  const names = new PodNameResolver(pods);
  const rules = {
    ruleName: (set: string, generation: number, rule: number) => `${set}.${generation}.${rule}`,
  };
  const verdicts = new VerdictRecorder(kernel, names, rules);
  return { summaries, pods, verdicts, lost, tell: (...events: VerdictEvent[]) => listener(events) };
}

const page = (more: Partial<VerdictListQuery> = {}): VerdictListQuery => ({ limit: 100, ...more });

test('an event is recorded with the names of pods and rule and its time', () => {
  const { verdicts, tell } = stage();
  tell(
    verdictEvent(),
    verdictEvent({
      source: 'fd00::1',
      destination: 'fd00::9',
      rule: 0,
      protocol: 58,
      icmp: { type: 128, code: 0 },
    }),
  );
  const [second, first] = verdicts.page(page()).items;
  expect(first).toMatchObject({
    kind: 'dropped',
    direction: 'egress',
    reason: 'denied',
    set: 'active',
    rule: 'active.3.7',
    protocolName: 'tcp',
    tcpFlags: 'S',
    family: 4,
    pod: { id: 'id-cart', namespace: 'shop', name: 'cart' },
    source: { address: '10.0.0.1', port: 40000, pod: { name: 'cart' } },
    destination: { address: '192.0.2.9', port: 80, pod: null },
  });
  expect(second).toMatchObject({
    family: 6,
    rule: null,
    source: { port: null },
    icmp: { type: 128, code: 0 },
  });
  expect(Math.abs(Date.parse(first!.time) - Date.now())).toBeLessThan(1000);
});

test('all fields of a filter must match: pod, CIDR, port, rule, kind, set, direction', () => {
  const { verdicts, tell } = stage();
  tell(
    verdictEvent({ destination: '10.0.0.2' }),
    verdictEvent({ kind: 'logged', reason: null, rule: 8 }),
    verdictEvent({
      kind: 'staged-deny',
      set: 'staged',
      direction: 'ingress',
      owner: 2,
      source: '198.51.100.7',
    }),
    verdictEvent({ source: 'fd00::1', destination: 'fd00:1::5', destinationPort: 53, protocol: 17 }),
  );
  const ids = (filter: Partial<VerdictListQuery>) => verdicts.page(page(filter)).items.map(({ id }) => id);
  expect(ids({ pod: 'shop.web' })).toEqual([2, 0]);
  expect(ids({ pod: 'id-web', direction: 'ingress' })).toEqual([2]);
  expect(ids({ address: '198.51.100.0/24' })).toEqual([2]);
  expect(ids({ address: 'fd00:1::/32' })).toEqual([3]);
  expect(ids({ address: '10.0.0.1' })).toEqual([1, 0]);
  expect(ids({ port: 53 })).toEqual([3]);
  expect(ids({ protocol: 'udp' })).toEqual([3]);
  expect(ids({ protocol: '6', set: 'active' })).toEqual([1, 0]);
  expect(ids({ rule: 'active.3.8' })).toEqual([1]);
  expect(ids({ verdict: 'staged-deny' })).toEqual([2]);
  expect(ids({ pod: 'shop.cart', verdict: 'dropped', port: 80 })).toEqual([0]);
  expect([...verdicts.matching({ set: 'active' })].map(({ id }) => id)).toEqual([0, 1, 3]);
});

test('later events of a removed pod still have its name', () => {
  const { summaries, pods, verdicts, tell } = stage();
  tell(verdictEvent());
  summaries.shift();
  pods.emit('pod-removed', 'id-cart');
  tell(verdictEvent());
  const [later, before] = verdicts.page(page()).items;
  expect(later!.pod).toEqual(before!.pod);
  expect(later!.source.pod).toBeNull();
});

test('lost verdicts are counted by pod, and evicted ones in total', () => {
  const { verdicts, lost } = stage();
  lost.push(
    { slot: 1, rateLimited: 5n, bufferFull: 1n },
    { slot: 2, rateLimited: 0n, bufferFull: 9n },
    { slot: 7, rateLimited: 2n, bufferFull: 0n },
  );
  const { losses } = verdicts.page(page());
  expect(losses).toMatchObject({ rateLimited: 7, bufferFull: 10, pushedOut: 0 });
  expect(losses.pods.map(({ pod, packets }) => [pod.name, packets])).toEqual([
    ['web', 9],
    ['cart', 6],
  ]);
});

test('the log keeps the most recent verdicts, and pages continue each other', () => {
  const { verdicts, tell } = stage();
  tell(verdictEvent());
  const { id: _, ...told } = verdicts.page(page()).items[0]!;
  const log = new VerdictLog(10);
  for (let i = 0; i < 25; i += 1) log.add({ ...told, length: i });
  expect([log.size, log.evicted]).toEqual([10, 15]);
  const first = log.page(page({ limit: 4 }));
  expect(first.items.map(({ id }) => id)).toEqual([24, 23, 22, 21]);
  const second = log.page(page({ limit: 4, before: first.next! }));
  expect(second.items.map(({ length }) => length)).toEqual([20, 19, 18, 17]);
  expect(log.page(page({ before: second.next! }))).toMatchObject({
    items: [{ id: 16 }, { id: 15 }],
    next: null,
  });
  // Packets written during an export evict those that it has not reached yet.
  const seen: number[] = [];
  for (const { id } of log.matching({})) {
    seen.push(id);
    log.add(told);
    log.add(told);
  }
  expect(seen).toEqual([15, 17, 19, 21, 23]);
});

test('a watcher receives batches of matching verdicts until it stops', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { verdicts, tell } = stage();
    const got: number[][] = [];
    const missed: number[] = [];
    const stop = verdicts.watch({ port: 80 }, (news) => {
      got.push(news.items.map(({ id }) => id));
      missed.push(news.missed);
    });
    tell(verdictEvent(), verdictEvent({ destinationPort: 81 }), verdictEvent());
    vi.advanceTimersByTime(300);
    expect(got).toEqual([[0, 2]]);
    tell(...Array.from({ length: 250 }, () => verdictEvent()));
    vi.advanceTimersByTime(300);
    expect([got[1]!.length, missed[1]]).toEqual([200, 50]);
    stop();
    tell(verdictEvent());
    vi.advanceTimersByTime(300);
    expect(got).toHaveLength(2);
  } finally {
    vi.useRealTimers();
  }
});
