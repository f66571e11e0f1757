import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { encodeIpv6Address } from '../../../server/bpf/address-encoding.ts';
import { counterIndexByName } from '../../../server/bpf/counter-layout.ts';
import { detectDatapathFeatures } from '../../../server/bpf/datapath-features.ts';
import { Agent } from './agent.ts';
import { checksum, etherHeader } from './frames.ts';
import { entryOf, type FixturePod, NodeFixture, type PodDevice } from './node-fixture.ts';
import type { PacketSocket } from './packet-socket.ts';
import { StreamEnd } from './tcp-stream.ts';

const nameOf = ({ kind, mode, hooks }: PodDevice): string =>
  `${kind}${mode ? ` ${mode}` : ''}${hooks === 'netkit' ? '' : ` (${hooks})`}`;

/** What the two families differ in, for a reader of frames. */
const families = {
  IPv4: {
    type: 0x0800,
    address: (pod: FixturePod) => pod.address4,
    hops: (packet: Buffer) => packet[8],
    overhead: 28,
    tooBig: /Frag needed and DF set \(mtu = 1400\)/,
    hopLimitExceeded: /Time to live exceeded/,
    echoRequest: (packet: Buffer) => packet[9] === 1 && packet[20] === 8,
  },
  IPv6: {
    type: 0x86dd,
    address: (pod: FixturePod) => pod.address6,
    hops: (packet: Buffer) => packet[7],
    overhead: 48,
    tooBig: /Packet too big: mtu=1400/,
    hopLimitExceeded: /Time exceeded: Hop limit/,
    echoRequest: (packet: Buffer) => packet[6] === 58 && packet[40] === 128,
  },
} as const;

/** Tests the redirect between two pods of a node, whose devices are `from` and `to`. */
export function describeRedirect(from: PodDevice, to: PodDevice): void {
  describe(`from ${nameOf(from)} to ${nameOf(to)}`, () => {
    let fixture: NodeFixture;
    let agent: Agent;
    let a: FixturePod;
    let b: FixturePod;
    let framesOfA: PacketSocket;
    let framesOfB: PacketSocket;
    let sending: StreamEnd;
    let serving: StreamEnd;
    /** Whether flows that came through the stack are left to it: where the kernel has conntrack. */
    let conntrack: boolean;

    beforeAll(async () => {
      ({ conntrack } = await detectDatapathFeatures());
      fixture = new NodeFixture();
      agent = new Agent(fixture);
      await agent.open();
      [a, b] = [fixture.addPod(1, from), fixture.addPod(2, to)];
      for (const pod of [a, b]) await agent.attachBoth(pod.slot, pod.device.hooks);
      framesOfA = fixture.frames(a);
      framesOfB = fixture.frames(b);
      sending = new StreamEnd(a.netns);
      serving = new StreamEnd(b.netns);
    });
    afterAll(async () => {
      sending?.[Symbol.dispose]();
      serving?.[Symbol.dispose]();
      framesOfA?.[Symbol.dispose]();
      framesOfB?.[Symbol.dispose]();
      await agent?.kill();
      fixture?.[Symbol.dispose]();
    });
    beforeEach(async () => {
      fixture.forward(true);
      for (const pod of [a, b]) {
        fixture.setMtu(pod, 1500);
        await agent.setSlot(pod.slot, entryOf(pod));
        for (const address of [pod.address4, pod.address6])
          await agent.setEndpoint(address, { slot: pod.slot, owner: pod.slot });
        await agent.clear(pod.slot);
      }
      for (const frames of [framesOfA, framesOfB]) while (frames.receive());
    });

    const ping = (args: string) => fixture.in(a.netns, `ping -n -i 0.2 -W 2 ${args}`);
    const redirected = async (pod: FixturePod) =>
      (await agent.read(pod.slot))[counterIndexByName.egressRedirectedPackets]!;

    const forgetMtu = (): void => {
      for (const command of ['ip route flush cache', 'ip -6 route flush cache']) fixture.in(a.netns, command);
    };

    describe.each(Object.entries(families))('over %s', (_, family) => {
      const isRequest = (frame: Buffer): boolean =>
        frame.readUInt16BE(12) === family.type && family.echoRequest(frame.subarray(etherHeader));

      test('packets bypass the host stack with a decremented TTL, and are counted on both devices', async () => {
        fixture.forward(false);
        expect(ping(`-c 3 -t 9 ${family.address(b)}`)).toMatchObject({ code: 0 });
        const frame = await framesOfB.find(isRequest);
        const packet = frame!.subarray(etherHeader);
        expect(family.hops(packet)).toBe(8);
        if (family.type === 0x0800) expect(checksum(packet.subarray(0, 20))).toBe(0);
        const macs = b.macs ?? { toPod: '00:00:00:00:00:00', fromPod: '00:00:00:00:00:00' };
        expect(frame!.toString('hex', 0, 12)).toBe(`${macs.toPod}${macs.fromPod}`.replaceAll(':', ''));
        for (const pod of [a, b]) {
          const counters = await agent.read(pod.slot);
          expect(counters[counterIndexByName.egressRedirectedPackets]).toBe(3n);
          expect(counters[counterIndexByName.egressRedirectedBytes]).toBe(3n * BigInt(56 + family.overhead));
          expect(counters[counterIndexByName.egressPackets]).toBeGreaterThanOrEqual(3n);
          expect(counters[counterIndexByName.ingressPackets]).toBeGreaterThanOrEqual(3n);
          expect(counters.slice(counterIndexByName.egressDroppedPackets)).toEqual(Array(18).fill(0n));
        }
      });

      test('a packet at its last hop goes to the host stack, which answers time exceeded', async () => {
        expect(ping(`-c 1 -t 1 ${family.address(b)}`).output).toMatch(family.hopLimitExceeded);
        expect(await redirected(a)).toBe(0n);
      });

      test('a packet over the target’s MTU goes to the host stack, which answers; one that just fits is redirected', async () => {
        fixture.setMtu(b, 1400);
        const fits = 1400 - family.overhead;
        expect(ping(`-c 1 -M do -s ${fits} ${family.address(b)}`).code).toBe(0);
        expect(await redirected(a)).toBe(1n);
        const { output } = ping(`-c 1 -M do -s ${fits + 1} ${family.address(b)}`);
        expect(output).toMatch(family.tooBig);
        expect(await redirected(a)).toBe(1n);
        forgetMtu();
      });

      test('with redirect off, and for an unknown or the pod’s own destination, packets go to the host stack', async () => {
        await agent.setSlot(a.slot, entryOf(a, false));
        expect(ping(`-c 1 ${family.address(b)}`).code).toBe(0);
        // The answer takes the way of the question, which the host may have translated.
        expect([await redirected(a), await redirected(b)]).toEqual([0n, conntrack ? 0n : 1n]);
        await agent.setSlot(a.slot, entryOf(a));
        await agent.removeEndpoint(family.address(b));
        expect(ping(`-c 1 ${family.address(b)}`).code).toBe(0);
        expect(await redirected(a)).toBe(0n);
        await agent.setEndpoint(family.address(b), { slot: a.slot, owner: a.slot });
        expect(ping(`-c 1 ${family.address(b)}`).code).toBe(0);
        expect(await redirected(a)).toBe(0n);
      });

      test('an endpoint whose slot belongs to another pod or to none is ignored', async () => {
        await agent.setEndpoint(family.address(b), { slot: b.slot, owner: 99 });
        expect(ping(`-c 1 ${family.address(b)}`).code).toBe(0);
        await agent.setEndpoint(family.address(b), { slot: 40, owner: 40 });
        expect(ping(`-c 1 ${family.address(b)}`).code).toBe(0);
        await agent.setSlot(40, { ...entryOf(b), owner: 40 }); // no such device
        expect(ping(`-c 1 ${family.address(b)}`).code).toBe(0);
        expect(await redirected(a)).toBe(0n);
      });

      /** Sends 8 MiB from a to b and checks that they arrive as they were. */
      async function stream(): Promise<void> {
        serving.ask(`serve ${family.address(b)} 7001`);
        expect(await serving.answer()).toBe('listening');
        sending.ask(`send ${family.address(b)} 7001 ${8 << 20}`);
        expect(await serving.answer()).toBe(await sending.answer());
      }

      test('a TCP stream arrives intact, in GSO packets', async () => {
        fixture.forward(false);
        await stream();
        const counters = await agent.read(a.slot);
        expect(counters[counterIndexByName.egressRedirectedBytes]).toBeGreaterThan(8n << 20n);
        expect(
          counters[counterIndexByName.egressRedirectedBytes]! /
            counters[counterIndexByName.egressRedirectedPackets]!,
        ).toBeGreaterThan(3000n);
        expect(counters[counterIndexByName.egressDroppedPackets]).toBe(0n);
      });

      test('a TCP stream with segments over the target’s MTU continues with smaller ones after the host stack’s error', async () => {
        fixture.setPrimaryMtu(b, 1400); // of which b, whose own end has 1500, tells a nothing
        await stream();
        const counters = await agent.read(a.slot);
        expect(counters[counterIndexByName.egressPackets]).toBeGreaterThan(
          counters[counterIndexByName.egressRedirectedPackets]!,
        );
        expect(counters[counterIndexByName.egressRedirectedBytes]).toBeGreaterThan(4n << 20n);
        forgetMtu();
      });
    });

    test('IPv4 packets with options go to the host stack', async () => {
      expect(ping(`-c 1 -R ${b.address4}`).code).toBe(0);
      expect(await redirected(a)).toBe(0n);
    });

    /** To b, of 9 hops, in a frame to a's primary; `to` in place of its MAC address. */
    function frame6(nextHeader: number, source: string, payload: number[], to?: string): Buffer {
      const packet = Buffer.alloc(40 + 16);
      packet[0] = 6 << 4;
      packet.writeUInt16BE(16, 4);
      packet.set([nextHeader, 9], 6);
      packet.set(encodeIpv6Address(source), 8);
      packet.set(encodeIpv6Address(b.address6), 24);
      packet.set(payload, 40);
      const macs = a.macs ?? { toPod: '00:00:00:00:00:00', fromPod: '00:00:00:00:00:00' };
      const header = `${to ?? macs.fromPod}${macs.toPod}86dd`.replaceAll(':', '');
      return Buffer.concat([Buffer.from(header, 'hex'), packet]);
    }
    const experimental = 253;

    test('frames of any protocol arrive, except from sources that no router forwards; conntrack does not tell of most', async () => {
      framesOfA.send(frame6(experimental, a.address6, [78]), 2);
      const count = conntrack ? 0n : 2n;
      expect(await redirected(a)).toBe(count);
      framesOfA.send(frame6(experimental, 'fe80::9', [77]), 2);
      framesOfA.send(frame6(experimental, '::', [77]), 2);
      expect(await redirected(a)).toBe(count);
      const arrived = await framesOfB.find((frame) => frame[etherHeader + 40] === 78);
      expect(arrived?.[etherHeader + 7]).toBe(8);
      expect(await framesOfB.find((frame) => frame[etherHeader + 40] === 77, 100)).toBeNull();
    });

    test('frames to a MAC address other than the primary’s are not redirected', async () => {
      framesOfA.send(frame6(experimental, a.address6, [1], '02:70:6c:ff:ff:ff'));
      framesOfA.send(frame6(experimental, a.address6, [1], 'ff:ff:ff:ff:ff:ff'));
      expect(await redirected(a)).toBe(0n);
    });

    test('packets with hop-by-hop options go to the host stack', async () => {
      // An experimental protocol follows; padding of 6 bytes.
      framesOfA.send(frame6(0, a.address6, [experimental, 0, 1, 4]));
      const arrived = await framesOfB.find((frame) => frame[etherHeader + 40] === 253);
      expect(arrived?.[etherHeader + 7]).toBe(8);
      expect(await redirected(a)).toBe(0n);
    });

    test('multicast packets are not redirected', async () => {
      ping('-c 1 -W 0.1 -I eth0 224.0.0.1');
      ping('-c 1 -W 0.1 -I eth0 ff02::1');
      expect(await redirected(a)).toBe(0n);
    });
  });
}
