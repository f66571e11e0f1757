import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PacketCorrelator, type PacketObservation } from '../../../server/trace/packet-correlator.ts';
import { echo, headersOf, observation, tcp, udp } from './packet-fixtures.ts';

const ping = (sequence: number, ttl = 64) =>
  headersOf({
    source: '10.0.0.1',
    destination: '10.0.0.2',
    protocol: 1,
    ttl,
    payload: echo(8, 1, sequence),
  });
const quietMs = 200;
const ms = (count: number): bigint => BigInt(count) * 1_000_000n;

test('a redirected packet is matched at the destination pod, with a lower time to live', () => {
  const correlator = new PacketCorrelator(10, quietMs);
  const sent = correlator.add(observation(ping(1), { verdict: 'redirected', target: 2 }))!;
  const came = correlator.add(observation(ping(1, 63), { where: 'to-pod', slot: 2, timeNs: 9000n }))!;
  expect(came).toBe(sent);
  expect(came.observations.map(({ where, slot }) => [where, slot])).toEqual([
    ['from-pod', 1],
    ['to-pod', 2],
  ]);
});

test('another sequence number is another packet, and so is a retransmission', () => {
  const correlator = new PacketCorrelator(10, quietMs);
  const numbers = [ping(1), ping(2), ping(1)].map((headers) => correlator.add(observation(headers))!.number);
  expect(numbers).toEqual([1, 2, 3]);
  const first = correlator.add(observation(ping(1), { where: 'to-pod', slot: 2 }))!;
  const second = correlator.add(observation(ping(1), { where: 'to-pod', slot: 2 }))!;
  expect([first.number, second.number]).toEqual([1, 3]);
});

test('a packet does not match at another pod than its target, nor with a higher time to live', () => {
  const correlator = new PacketCorrelator(10, quietMs);
  correlator.add(observation(ping(1, 63), { verdict: 'redirected', target: 2 }));
  expect(correlator.add(observation(ping(1, 63), { where: 'to-pod', slot: 3 }))!.number).toBe(2);
  expect(correlator.add(observation(ping(1, 64), { where: 'to-pod', slot: 2 }))!.number).toBe(3);
});

test('a drop by a program, which the kernel reports too, appears once', () => {
  const correlator = new PacketCorrelator(10, quietMs);
  const packet = correlator.add(observation(ping(1), { verdict: 'dropped', reason: 'denied' }))!;
  const freed: Partial<PacketObservation> = { where: 'kernel', verdict: 'dropped', reason: 47, slot: null };
  expect(correlator.add(observation(ping(1), freed))).toBeNull();
  expect(packet.observations).toHaveLength(1);
  const lost = correlator.add(observation(ping(2), { where: 'to-pod' }))!;
  expect(correlator.add(observation(ping(2), freed))).toBe(lost);
});

test('both hooks of a device whose programs move observe one packet', () => {
  const correlator = new PacketCorrelator(10, quietMs);
  const packet = correlator.add(observation(ping(1), { hook: 'netkit/peer' }))!;
  expect(correlator.add(observation(ping(1), { hook: 'tcx/ingress' }))).toBe(packet);
});

test('at the limit no new packet is traced, and known packets continue', () => {
  const correlator = new PacketCorrelator(1, quietMs);
  correlator.add(observation(ping(1)));
  expect(correlator.full).toBe(true);
  expect(correlator.add(observation(ping(2)))).toBeNull();
  expect(correlator.add(observation(ping(1), { where: 'to-pod', slot: 2, timeNs: ms(1) }))!.number).toBe(1);
  expect(correlator.done).toBe(false);
  expect(correlator.settle(ms(100))).toEqual([]);
  expect(correlator.settle(ms(202)).map(({ number }) => number)).toEqual([1]);
  expect(correlator.done).toBe(true);
});

/** Packets of few flows, equal ones among them; each takes one of the ways there are. */
const journey = fc.record({
  flow: fc.integer({ min: 0, max: 3 }),
  kind: fc.constantFrom('tcp', 'udp', 'echo'),
  sequence: fc.integer({ min: 0, max: 5 }),
  way: fc.constantFrom('redirected', 'stack', 'dropped', 'left', 'lost'),
});

test('packets in sequence on any paths are each grouped completely', () => {
  fc.assert(
    fc.property(fc.array(journey, { maxLength: 60 }), (journeys) => {
      const correlator = new PacketCorrelator(1000, quietMs);
      let now = 0n;
      for (const { flow, kind, sequence, way } of journeys) {
        const base = {
          source: `10.0.0.${flow}`,
          destination: '10.0.1.1',
          protocol: { tcp: 6, udp: 17, echo: 1 }[kind],
          payload: {
            tcp: tcp(1, flow, 16, sequence),
            udp: udp(1, flow, sequence),
            echo: echo(8, flow, sequence),
          }[kind],
        };
        const at = (ttl: number, more: Partial<PacketObservation>) => {
          now += 1000n;
          return correlator.add(observation(headersOf({ ...base, ttl }), { timeNs: now, ...more }));
        };
        const toPod: Partial<PacketObservation> = { where: 'to-pod', slot: 9 };
        const freed: Partial<PacketObservation> = {
          where: 'kernel',
          verdict: 'dropped',
          reason: 2,
          slot: null,
        };
        const ways: Record<typeof way, Partial<PacketObservation>[]> = {
          redirected: [{ verdict: 'redirected', target: 9 }, toPod],
          stack: [{}, toPod],
          dropped: [{ verdict: 'dropped', reason: 'denied' }, freed],
          left: [{}],
          lost: [{}, toPod, freed],
        };
        const packets = ways[way].map((more, i) => at(64 - i, more));
        const own = packets[0]!;
        expect(own.observations).toHaveLength(way === 'dropped' ? 1 : ways[way].length);
        for (const packet of packets.slice(1)) if (packet) expect(packet).toBe(own);
        now += ms(quietMs + 1);
        correlator.settle(now);
      }
      expect(correlator.done).toBe(true);
    }),
  );
});

test('interleaved packets are not mixed up', () => {
  const order = fc
    .uniqueArray(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 20 })
    .map((sequences) => [...sequences, ...sequences])
    .chain((twice) => fc.shuffledSubarray(twice, { minLength: twice.length, maxLength: twice.length }));
  fc.assert(
    fc.property(order, (sequences) => {
      const correlator = new PacketCorrelator(1000, quietMs);
      const numbers = new Map<number, number>();
      for (const [i, sequence] of sequences.entries()) {
        const sent = numbers.get(sequence);
        const more: Partial<PacketObservation> = sent === undefined ? {} : { where: 'to-pod', slot: 2 };
        const headers = ping(sequence, sent === undefined ? 64 : 63);
        const { number } = correlator.add(observation(headers, { ...more, timeNs: BigInt(i) }))!;
        if (sent !== undefined) expect(number).toBe(sent);
        numbers.set(sequence, number);
      }
      expect(new Set(numbers.values()).size).toBe(sequences.length / 2);
    }),
  );
});
