import { execFileSync } from 'node:child_process';
import { closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseAddress } from '../../../contract/cidr.ts';
import { BpfError } from '../../../server/bpf/bpf-error.ts';
import { counterIndexByName } from '../../../server/bpf/counter-layout.ts';
import { reopenDatapathMaps } from '../../../server/bpf/datapath-maps.ts';
import { programNameByHook } from '../../../server/bpf/datapath-programs.ts';
import {
  encodeEndpointEntry,
  encodeEndpointKey,
  slotToPrimaryIfindex,
} from '../../../server/bpf/datapath-structs.ts';
import { BpfHashMap } from '../../../server/bpf/hash-map.ts';
import { openPinnedObject } from '../../../server/bpf/pin.ts';
import { ProgramTestRun } from '../../../server/bpf/program-test-run.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import type { Packet } from '../acl/packets.ts';
import { Agent } from './agent.ts';
import { checksum, etherHeader } from './frames.ts';
import { within } from './namespaces.ts';
import { entryOf, type FixturePod, hooksOf, NodeFixture, type PodDevice } from './node-fixture.ts';
import type { PacketSocket } from './packet-socket.ts';
import { frameOfPod } from './pod-frame.ts';

const UDP = 17;
const TCP = 6;
/** Milliseconds that are longer than a tick of any kernel. */
const longerThanTick = 25;
const index = counterIndexByName;

const families = {
  IPv4: {
    address: (pod: FixturePod) => pod.address4,
    outside: '192.0.2.7',
    prefix: '192.0.2.0/24',
    header: 20,
  },
  IPv6: { address: (pod: FixturePod) => pod.address6, outside: 'fd77::7', prefix: 'fd77::/64', header: 40 },
} as const;

/** Runs this process on one CPU, since decisions are kept by CPU. @returns what undoes it */
function stayOnOneCpu(): () => void {
  const allowed = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!;
  const set = (cpus: string) => execFileSync('taskset', ['-cp', cpus, String(process.pid)]);
  set(/^\d+/.exec(allowed)![0]);
  return () => set(allowed);
}

/** Tests that a packet of a flow about which a decision is kept fares like any other. */
export function describeKeptDecisions(from: PodDevice, to: PodDevice): void {
  describe(`kept decisions from ${from.kind} (${from.hooks}) to ${to.kind} (${to.hooks})`, () => {
    let node: NodeFixture;
    let agent: Agent;
    let a: FixturePod;
    let b: FixturePod;
    let framesOfA: PacketSocket;
    let framesOfB: PacketSocket;
    let leaveCpu: () => void;

    beforeAll(async () => {
      leaveCpu = stayOnOneCpu();
      node = new NodeFixture();
      agent = new Agent(node);
      await agent.open();
      [a, b] = [node.addPod(1, from), node.addPod(2, to)];
      for (const pod of [a, b]) await agent.attachBoth(pod.slot, pod.device.hooks);
      framesOfA = node.frames(a);
      framesOfB = node.frames(b);
      // The kernel reports multicast groups of a new address to its neighbors, more than once.
      let before: bigint[] = [];
      for (
        let now = await agent.read(a.slot);
        !isDeepStrictEqual(now, before);
        now = await agent.read(a.slot)
      ) {
        before = now;
        await sleep(1500);
      }
    });
    afterAll(async () => {
      framesOfA?.[Symbol.dispose]();
      framesOfB?.[Symbol.dispose]();
      await agent?.kill();
      node?.[Symbol.dispose]();
      leaveCpu?.();
    });
    beforeEach(async () => {
      for (const pod of [a, b]) {
        node.setMtu(pod, 1500);
        await agent.setPacketChecks(pod.slot, null);
        await agent.setSlot(pod.slot, entryOf(pod));
        for (const address of [pod.address4, pod.address6])
          await agent.setEndpoint(address, { slot: pod.slot, owner: pod.slot });
        await agent.clear(pod.slot);
      }
    });

    /** Number of packets of pod a that were redirected and dropped since the last call, once `sent` were counted. */
    async function fates(sent: number): Promise<{ redirected: number; dropped: number }> {
      const read = async () => {
        const counters = await agent.read(a.slot);
        return {
          passed: Number(counters[index.egressPackets]),
          redirected: Number(counters[index.egressRedirectedPackets]),
          dropped: Number(counters[index.egressDroppedPackets]),
        };
      };
      await expect.poll(async () => (await read()).passed + (await read()).dropped).toBe(sent);
      const { redirected, dropped } = await read();
      await agent.clear(a.slot);
      return { redirected, dropped };
    }

    /** Sends frames of pod a. @returns how many were redirected, and dropped */
    async function send(frame: Buffer, times = 1): Promise<{ redirected: number; dropped: number }> {
      framesOfA.send(frame, times);
      return await fates(times);
    }

    /** Has the decision about a frame's flow kept. */
    async function keep(frame: Buffer, redirect = true): Promise<void> {
      expect(await send(frame, 3)).toEqual({ redirected: redirect ? 3 : 0, dropped: 0 });
    }

    describe.each(Object.entries(families))('over %s', (name, family) => {
      let nextPort = name === 'IPv4' ? 20_000 : 30_000;
      let packet: Packet;
      let frame: Buffer;
      beforeEach(() => {
        nextPort += 1;
        packet = {
          source: parseAddress(family.address(a)),
          destination: parseAddress(family.address(b)),
          protocol: UDP,
          sourcePort: nextPort,
          destinationPort: 7000,
        };
        frame = frameOfPod(a, packet);
      });

      test('a packet arrives as the first one did, one hop further, and is counted', async () => {
        const flow = frame.subarray(etherHeader + family.header);
        framesOfA.send(frame, 5);
        const arrived: string[] = [];
        for (let count = 0; count < 5; count += 1) {
          const found = await framesOfB.find((each) =>
            each.subarray(etherHeader + family.header).equals(flow),
          );
          arrived.push(found?.toString('hex') ?? 'nothing');
        }
        expect(new Set(arrived).size).toBe(1);
        const network = Buffer.from(arrived[0]!, 'hex').subarray(etherHeader);
        expect(network[name === 'IPv4' ? 8 : 7]).toBe(63);
        if (name === 'IPv4') expect(checksum(network.subarray(0, 20))).toBe(0);
        const bytes = BigInt(5 * (frame.length - etherHeader));
        const [egress, ingress] = [await agent.read(a.slot), await agent.read(b.slot)];
        expect(egress.slice(0, 2)).toEqual([5n, bytes]);
        expect(egress.slice(index.egressRedirectedPackets, index.egressRedirectedPackets + 2)).toEqual([
          5n,
          bytes,
        ]);
        expect(ingress.slice(index.ingressPackets, index.ingressPackets + 2)).toEqual([5n, bytes]);
      });

      // Shows that decisions are kept at all, and that nothing that is wrong would stay so.
      test('what somebody else changes in our maps has an effect after 64 ticks at the latest', async () => {
        const maps = reopenDatapathMaps(node.pins);
        try {
          const endpoints = new BpfHashMap(maps[name === 'IPv4' ? 'endpoints4' : 'endpoints6'], 'endpoints');
          const key = encodeEndpointKey(family.address(b));
          framesOfA.send(frame, 3);
          endpoints.delete(key);
          framesOfA.send(frame);
          expect(await fates(4)).toEqual({ redirected: 4, dropped: 0 });
          await expect.poll(() => send(frame), { timeout: 2000 }).toEqual({ redirected: 0, dropped: 0 });
          await agent.removeEndpoint(family.address(b));
          framesOfA.send(frame);
          endpoints.set(key, encodeEndpointEntry({ slot: b.slot, owner: b.slot }));
          framesOfA.send(frame);
          expect(await fates(2)).toEqual({ redirected: 0, dropped: 0 });
          await expect.poll(() => send(frame), { timeout: 2000 }).toEqual({ redirected: 1, dropped: 0 });
        } finally {
          for (const fd of Object.values(maps)) closeSync(fd);
        }
      });

      test.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
        [
          'redirecting is on',
          () => agent.setSlot(a.slot, entryOf(a, false)),
          () => agent.setSlot(a.slot, entryOf(a)),
        ],
        [
          'the address leads to a pod',
          () => agent.removeEndpoint(family.address(b)),
          () => agent.setEndpoint(family.address(b), { slot: b.slot, owner: b.slot }),
        ],
        [
          'the target’s slot has the pod',
          () => agent.clearSlot(b.slot),
          () => agent.setSlot(b.slot, entryOf(b)),
        ],
      ])(
        'the next packet of a flow through the host stack obeys the agent: %s',
        async (_, before, change) => {
          await before();
          await keep(frame, false);
          await change();
          expect(await send(frame)).toEqual({ redirected: 1, dropped: 0 });
        },
      );

      test('the next packet out of the node obeys the agent: the source is no longer the pod’s', async () => {
        const out = frameOfPod(a, { ...packet, destination: parseAddress(family.outside) });
        await keep(out, false);
        const { address4: _, address6: __, ...entry } = entryOf(a);
        await agent.setSlot(a.slot, entry);
        expect(await send(out)).toEqual({ redirected: 0, dropped: 0 });
        await agent.removeEndpoint(family.address(a));
        expect(await send(out)).toEqual({ redirected: 0, dropped: 1 });
      });

      test.each<[string, () => Promise<unknown>, { redirected: number; dropped: number }]>([
        ['redirecting is off', () => agent.setSlot(a.slot, entryOf(a, false)), { redirected: 0, dropped: 0 }],
        [
          'the address leads to no pod',
          () => agent.removeEndpoint(family.address(b)),
          { redirected: 0, dropped: 0 },
        ],
        [
          'the address is another pod’s',
          () => agent.setEndpoint(family.address(b), { slot: b.slot, owner: 9 }),
          { redirected: 0, dropped: 0 },
        ],
        ['the target’s slot is free', () => agent.clearSlot(b.slot), { redirected: 0, dropped: 0 }],
        [
          'packets count elsewhere',
          () =>
            agent.setSlot(a.slot, {
              ...entryOf(a),
              hooks: a.device.hooks === 'netkit' ? 'primary' : 'device',
            }),
          { redirected: 0, dropped: 0 },
        ],
        [
          'the source is no longer the pod’s',
          async () => {
            const { address4: _, address6: __, ...entry } = entryOf(a);
            await agent.setSlot(a.slot, entry);
            await agent.removeEndpoint(family.address(a));
          },
          { redirected: 0, dropped: 1 },
        ],
      ])('the next packet obeys the agent: %s', async (what, change, expected) => {
        await keep(frame);
        await change();
        if (what === 'packets count elsewhere') {
          framesOfA.send(frame);
          await sleep(longerThanTick);
          expect((await agent.read(a.slot))[index.egressRedirectedPackets]).toBe(0n);
        } else {
          expect(await send(frame)).toEqual(expected);
        }
      });

      test('the next packet obeys the agent: a source prefix is removed', async () => {
        await agent.setPacketChecks(a.slot, { sourcePrefixes: [family.prefix], ethertypes: [] });
        await agent.setSlot(a.slot, { ...entryOf(a), sourcePrefixes: true });
        const foreign = frameOfPod(a, { ...packet, source: parseAddress(family.outside) });
        await keep(foreign);
        await agent.setPacketChecks(a.slot, null);
        expect(await send(foreign)).toEqual({ redirected: 0, dropped: 1 });
      });

      test('another MTU of the target’s device has an effect within a tick', async () => {
        const large = frameOfPod(a, packet, 1400);
        await keep(large);
        node.setPrimaryMtu(b, 1300);
        await sleep(longerThanTick);
        expect(await send(large)).toEqual({ redirected: 0, dropped: 0 });
        expect(await send(frame)).toEqual({ redirected: 1, dropped: 0 });
        node.setPrimaryMtu(b, 1500);
        await sleep(longerThanTick);
        expect(await send(large)).toEqual({ redirected: 1, dropped: 0 });
      });

      test('packets to a device that is gone go to the host stack', async () => {
        const c = node.addPod(name === 'IPv4' ? 3 : 4, to);
        await agent.setSlot(c.slot, entryOf(c));
        await agent.setEndpoint(family.address(c), { slot: c.slot, owner: c.slot });
        const toC = frameOfPod(a, { ...packet, destination: parseAddress(family.address(c)) });
        await keep(toC);
        node.removeDevice(c);
        await sleep(longerThanTick);
        expect(await send(toC)).toEqual({ redirected: 0, dropped: 0 });
      });

      test.each([true, false])(
        'any frame has the same fate with a kept decision as without one; redirecting: %s',
        async (redirect) => {
          const runs = new ProgramTestRun();
          const hook = hooksOf[a.device.hooks].egress;
          const program = openPinnedObject(join(node.pins, 'programs', programNameByHook[hook]))!;
          /** Returns the verdicts; null for a frame that is too short for the kernel to run a program on it. */
          const run = (frames: readonly Buffer[]): (number | null)[] =>
            within(node.host, (fd) =>
              runInNetworkNamespace(fd, () =>
                frames.map((each) => {
                  try {
                    return runs.run(program, slotToPrimaryIfindex(a.slot), each).verdict;
                  } catch (error) {
                    if (error instanceof BpfError && error.errnoName === 'EINVAL') return null;
                    throw error;
                  }
                }),
              ),
            );
          /** Runs a frame after others, without a decision that was kept before. */
          const fate = async (before: readonly Buffer[], last: Buffer) => {
            await agent.setSlot(a.slot, entryOf(a, redirect));
            run(before);
            await agent.clear(a.slot);
            return { verdict: run([last])[0], counters: await agent.read(a.slot) };
          };
          const base = [UDP, TCP].flatMap((protocol) =>
            [family.address(b), family.outside].map((destination) =>
              frameOfPod(a, { ...packet, protocol, destination: parseAddress(destination) }, 60),
            ),
          );
          const changed = fc
            .record({
              of: fc.constantFrom(...base),
              bytes: fc.array(fc.tuple(fc.nat(75), fc.oneof(fc.constantFrom(0, 1, 2, 255), fc.nat(255))), {
                maxLength: 3,
              }),
              length: fc.option(fc.integer({ min: 15, max: 200 })),
            })
            .map(({ of, bytes, length }) => {
              const copy = Buffer.alloc(length ?? of.length);
              of.copy(copy);
              for (const [at, value] of bytes) if (at < copy.length) copy[at] = value;
              return { of, copy };
            });
          try {
            await fc.assert(
              fc.asyncProperty(changed, async ({ of, copy }) => {
                const kept = await fate([of, of, of], copy);
                expect(kept).toEqual(await fate([], copy));
              }),
              { numRuns: 300 },
            );
          } finally {
            closeSync(program);
          }
        },
      );
    });
  });
}
