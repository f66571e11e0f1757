import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DropReason, toDropCounterName } from '../../../contract/counter-table.ts';
import type { DeviceKind } from '../../../contract/device.ts';
import { encodeIpv4Address } from '../../../server/bpf/address-encoding.ts';
import { counterIndexByName } from '../../../server/bpf/counter-layout.ts';
import type { LinkHook } from '../../../server/bpf/hook.ts';
import { Agent } from './agent.ts';
import { DeviceFixture, podAddress } from './device-fixture.ts';
import { echoRequest, ethernet, ethernetToPod, ipv4, ipv6 } from './frames.ts';
import type { PacketSocket } from './packet-socket.ts';

const slot = 3;
const [IPv4, ARP, IPv6, LLDP] = [0x0800, 0x0806, 0x86dd, 0x88cc];
const malformed = 'malformed';
const unknownProtocol = 'unknown_protocol';
const spoofedSource = 'spoofed_source';
const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...encodeIpv4Address(podAddress)];
const linkLocal = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const global = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

/** The same counters and drops wherever the programs run: on `kind`, at its hooks. */
export function describeCounting(kind: DeviceKind, fromHook: LinkHook, toHook: LinkHook): void {
  describe(`on ${kind}, at ${fromHook} and ${toHook}`, () => {
    const entry = {
      owner: 1,
      address4: podAddress,
      hooks: fromHook === 'netkit/peer' ? 'device' : 'primary',
      redirect: false,
      macs: null,
    } as const;
    let fixture: DeviceFixture;
    let agent: Agent;
    let fromPod: PacketSocket;
    let toPod: PacketSocket;

    beforeAll(async () => {
      fixture = new DeviceFixture();
      // A netkit end that has no program of its own passes packets on by its policy.
      fixture.addDevice(kind, slot, fromHook === 'netkit/peer' ? 'blackhole' : 'forward');
      agent = new Agent(fixture);
      await agent.open();
      await agent.attach(fromHook, slot);
      await agent.attach(toHook, slot);
      fromPod = fixture.packetsFromPod(slot);
      toPod = fixture.packetsToPod(slot);
    });
    afterAll(async () => {
      fromPod?.[Symbol.dispose]();
      toPod?.[Symbol.dispose]();
      await agent?.kill();
      fixture?.[Symbol.dispose]();
    });
    beforeEach(async () => {
      await agent.clear(slot);
      await agent.setSlot(slot, entry);
    });

    /** Counters that are not zero, by place. */
    async function counted(): Promise<Record<number, bigint>> {
      const counters = await agent.read(slot);
      return Object.fromEntries([...counters.entries()].filter(([, value]) => value !== 0n));
    }

    describe('accepted packets', () => {
      test('packets out of the pod are counted with their bytes, the Ethernet header left out', async () => {
        fromPod.send(ethernet(IPv4, ipv4({ payload: 80 })), 7);
        expect(await counted()).toEqual({
          [counterIndexByName.egressPackets]: 7n,
          [counterIndexByName.egressBytes]: 700n,
        });
      });

      test('packets into the pod are counted', async () => {
        toPod.send(ethernetToPod(IPv4, ipv4({ source: '10.9.9.9', payload: 30 })), 5);
        expect(await counted()).toEqual({
          [counterIndexByName.ingressPackets]: 5n,
          [counterIndexByName.ingressBytes]: 250n,
        });
      });

      test('an echo request and its reply are one packet in each direction', async () => {
        const frame = ethernet(IPv4, echoRequest());
        if (kind === 'netkit') frame.fill(0, 0, 12); // L3: no MAC addresses
        fromPod.send(frame, 10);
        expect(await counted()).toEqual({
          [counterIndexByName.egressPackets]: 10n,
          [counterIndexByName.egressBytes]: 280n,
          [counterIndexByName.ingressPackets]: 10n,
          [counterIndexByName.ingressBytes]: 280n,
        });
      });

      test('ARP passes', async () => {
        fromPod.send(ethernet(ARP, Buffer.alloc(28)), 2);
        expect(await counted()).toEqual({
          [counterIndexByName.egressPackets]: 2n,
          [counterIndexByName.egressBytes]: 56n,
        });
      });

      test('padding after the packet is not an error', async () => {
        fromPod.send(ethernet(IPv4, ipv4({ total: 24, payload: 26 })));
        expect(await counted()).toEqual({
          [counterIndexByName.egressPackets]: 1n,
          [counterIndexByName.egressBytes]: 46n,
        });
      });
    });

    describe('dropped packets, by reason', () => {
      const drops = (reason: DropReason, count: number) => ({
        [counterIndexByName.egressDroppedPackets]: BigInt(count),
        [counterIndexByName[toDropCounterName('egress', reason)]]: BigInt(count),
      });

      test.each([
        ['an IPv4 header that is cut short', ethernet(IPv4, ipv4().subarray(0, 19))],
        ['another version in the header than in the frame', ethernet(IPv4, ipv4({ version: 6 }))],
        ['a header length below 20 bytes', ethernet(IPv4, ipv4({ ihl: 4 }))],
        ['a header longer than the packet', ethernet(IPv4, ipv4({ ihl: 15 }))],
        ['a length beyond the end of the packet', ethernet(IPv4, ipv4({ total: 41 }))],
        ['an IPv6 header that is cut short', ethernet(IPv6, ipv6().subarray(0, 39))],
        ['version 4 in an IPv6 frame', ethernet(IPv6, ipv6({ version: 4 }))],
        ['an IPv6 payload beyond the end', ethernet(IPv6, ipv6({ payloadLength: 9 }))],
      ])('%s is malformed', async (_, frame) => {
        fromPod.send(frame, 3);
        expect(await counted()).toEqual(drops(malformed, 3));
      });

      test('a protocol other than IPv4, IPv6 and ARP is unknown', async () => {
        fromPod.send(ethernet(LLDP, Buffer.alloc(46)), 4);
        expect(await counted()).toEqual(drops(unknownProtocol, 4));
      });

      test('a VLAN tag is unknown', async () => {
        fromPod.send(ethernet(0x8100, Buffer.concat([Buffer.from([0, 5, 8, 0]), ipv4()])), 2);
        expect(await counted()).toEqual(drops(unknownProtocol, 2));
      });

      test('a source that is not the pod’s is spoofed', async () => {
        fromPod.send(ethernet(IPv4, ipv4({ source: '10.42.0.3' })), 6);
        fromPod.send(ethernet(IPv4, ipv4()), 1);
        expect(await counted()).toEqual({
          ...drops(spoofedSource, 6),
          [counterIndexByName.egressPackets]: 1n,
          [counterIndexByName.egressBytes]: 40n,
        });
      });

      test('an IPv6 source of a pod without IPv6 is spoofed, except link-local ones', async () => {
        fromPod.send(ethernet(IPv6, ipv6({ source: global })), 2);
        fromPod.send(ethernet(IPv6, ipv6({ source: linkLocal })), 1);
        fromPod.send(ethernet(IPv6, ipv6()), 1);
        expect(await counted()).toEqual({
          ...drops(spoofedSource, 2),
          [counterIndexByName.egressPackets]: 2n,
          [counterIndexByName.egressBytes]: 96n,
        });
      });

      test('the pod’s own IPv6 address passes', async () => {
        await agent.setSlot(slot, { ...entry, address6: 'fd00::2' });
        fromPod.send(ethernet(IPv6, ipv6({ source: global })), 2);
        expect(await counted()).toEqual({
          [counterIndexByName.egressPackets]: 2n,
          [counterIndexByName.egressBytes]: 96n,
        });
      });

      test('further addresses of the same owner pass, those of another owner or of none are spoofed', async () => {
        await agent.setEndpoint('10.42.0.3', { slot: 9, owner: 1 });
        await agent.setEndpoint('fd00::2', { slot: 9, owner: 1 });
        fromPod.send(ethernet(IPv4, ipv4({ source: '10.42.0.3' })), 3);
        fromPod.send(ethernet(IPv6, ipv6({ source: global })), 2);
        expect(await counted()).toEqual({
          [counterIndexByName.egressPackets]: 5n,
          [counterIndexByName.egressBytes]: 216n,
        });
        await agent.clear(slot);
        await agent.setEndpoint('10.42.0.3', { slot: 9, owner: 2 });
        await agent.removeEndpoint('fd00::2');
        fromPod.send(ethernet(IPv4, ipv4({ source: '10.42.0.3' })), 3);
        fromPod.send(ethernet(IPv6, ipv6({ source: global })), 2);
        expect(await counted()).toEqual(drops(spoofedSource, 5));
        await agent.clear(slot);
        await agent.setEndpoint('10.42.0.3', { slot: 9, owner: 0 });
        await agent.setSlot(slot, { ...entry, owner: 0 });
        fromPod.send(ethernet(IPv4, ipv4({ source: '10.42.0.3' })), 3);
        expect(await counted()).toEqual(drops(spoofedSource, 3));
        await agent.removeEndpoint('10.42.0.3');
      });

      test('the pod’s IPv4 address in an IPv6 header is spoofed', async () => {
        await agent.setEndpoint(podAddress, { slot, owner: 1 });
        fromPod.send(ethernet(IPv6, ipv6({ source: mapped })), 2);
        expect(await counted()).toEqual(drops(spoofedSource, 2));
        await agent.removeEndpoint(podAddress);
      });

      test('sources of the pod’s prefixes pass, except those of another pod and IPv4 of an IPv6 prefix', async () => {
        const prefixes = ['10.8.0.0/24', '10.42.0.0/16', '0.0.0.0/32', 'fd00:8::/64'];
        await agent.setPacketChecks(1, { sourcePrefixes: prefixes, ethertypes: [] });
        await agent.setEndpoint('10.42.0.3', { slot: 9, owner: 2 });
        const send = (source: string) => fromPod.send(ethernet(IPv4, ipv4({ source })));
        // The flag of the slot turns them on.
        send('10.8.0.1');
        expect(await counted()).toEqual(drops(spoofedSource, 1));
        await agent.clear(slot);
        await agent.setSlot(slot, { ...entry, sourcePrefixes: true });
        for (const source of ['10.8.0.1', '10.42.9.9', '0.0.0.0']) send(source);
        fromPod.send(ethernet(IPv6, ipv6({ source: [0xfd, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] })));
        for (const source of ['10.8.1.1', '10.42.0.3', '0.0.0.1']) send(source);
        fromPod.send(ethernet(IPv6, ipv6({ source: global })));
        expect(await counted()).toEqual({
          ...drops(spoofedSource, 4),
          [counterIndexByName.egressPackets]: 4n,
          [counterIndexByName.egressBytes]: 168n,
        });
        await agent.clear(slot);
        await agent.setPacketChecks(1, { sourcePrefixes: ['::/0'], ethertypes: [] });
        send('10.8.0.1');
        fromPod.send(ethernet(IPv6, ipv6({ source: mapped })));
        fromPod.send(ethernet(IPv6, ipv6({ source: global })));
        expect(await counted()).toEqual({
          ...drops(spoofedSource, 2),
          [counterIndexByName.egressPackets]: 1n,
          [counterIndexByName.egressBytes]: 48n,
        });
        await agent.clear(slot);
        // Those of another pod are no concern of this one.
        await agent.setPacketChecks(1, null);
        await agent.setPacketChecks(2, { sourcePrefixes: ['0.0.0.0/0'], ethertypes: [] });
        send('10.8.0.1');
        expect(await counted()).toEqual(drops(spoofedSource, 1));
        await agent.setPacketChecks(2, null);
        await agent.removeEndpoint('10.42.0.3');
      });

      test('frames of the pod’s ethertypes pass in both directions, others are unknown', async () => {
        await agent.setPacketChecks(1, { sourcePrefixes: [], ethertypes: ['lldp', 'vlan', 'llc'] });
        await agent.setSlot(slot, { ...entry, ethertypes: true });
        const tagged = (id: number) => Buffer.concat([Buffer.from([0, id, 0x88, 0xcc]), Buffer.alloc(46)]);
        fromPod.send(ethernet(LLDP, Buffer.alloc(46)), 2);
        fromPod.send(ethernet(0x8100, tagged(5)));
        fromPod.send(ethernet(0x0026, Buffer.alloc(46)));
        toPod.send(ethernetToPod(LLDP, Buffer.alloc(46)), 3);
        expect(await counted()).toMatchObject({
          [counterIndexByName.egressPackets]: 4n,
          [counterIndexByName.ingressPackets]: 3n,
        });
        await agent.clear(slot);
        fromPod.send(ethernet(0x88f7, Buffer.alloc(46)), 2);
        toPod.send(ethernetToPod(0x88f7, Buffer.alloc(46)));
        expect(await counted()).toEqual({
          ...drops(unknownProtocol, 2),
          [counterIndexByName.ingressDroppedPackets]: 1n,
          [counterIndexByName[toDropCounterName('ingress', unknownProtocol)]]: 1n,
        });
        await agent.setPacketChecks(1, null);
      });

      test('IP behind a VLAN tag that only has a priority does not escape the source check', async () => {
        await agent.setPacketChecks(1, { sourcePrefixes: [], ethertypes: ['vlan', 'qinq'] });
        await agent.setSlot(slot, { ...entry, ethertypes: true });
        const spoofed = Buffer.concat([Buffer.from([0xe0, 0, 8, 0]), ipv4({ source: '10.42.0.3' })]);
        fromPod.send(ethernet(0x8100, spoofed), 2);
        fromPod.send(ethernet(0x88a8, Buffer.concat([Buffer.from([0xe0, 0, 0x81, 0]), spoofed])));
        const {
          [counterIndexByName.egressPackets]: passed,
          [counterIndexByName.egressDroppedPackets]: dropped,
        } = await counted();
        expect({ passed, dropped }).toEqual({ passed: undefined, dropped: 3n });
        await agent.setPacketChecks(1, null);
      });

      test('hooks that do not count still check and drop', async () => {
        await agent.setSlot(slot, { ...entry, hooks: entry.hooks === 'device' ? 'primary' : 'device' });
        fromPod.send(ethernet(IPv4, ipv4()), 2);
        toPod.send(ethernetToPod(IPv4, ipv4({ source: '192.0.2.1' })), 2);
        fromPod.send(ethernet(IPv4, ipv4({ source: '10.42.0.3' })), 3);
        toPod.send(ethernetToPod(LLDP, Buffer.alloc(46)), 1);
        expect(await counted()).toEqual({
          ...drops(spoofedSource, 3),
          [counterIndexByName.ingressDroppedPackets]: 1n,
          [counterIndexByName[toDropCounterName('ingress', unknownProtocol)]]: 1n,
        });
      });

      test('a slot without the check flag is not checked', async () => {
        await agent.setSlot(slot, { ...entry, check: false });
        fromPod.send(ethernet(IPv4, ipv4({ source: '10.42.0.3' })), 2);
        expect(await counted()).toEqual({
          [counterIndexByName.egressPackets]: 2n,
          [counterIndexByName.egressBytes]: 80n,
        });
      });

      test('a packet socket that declares its packets as ARP does not bypass the check', async () => {
        using liar = fixture.packetsFromPod(slot, ARP);
        liar.send(ethernet(IPv4, ipv4({ source: '10.42.0.3' })), 5);
        liar.send(ethernet(LLDP, Buffer.alloc(46)), 2);
        expect(await counted()).toEqual({
          [counterIndexByName.egressDroppedPackets]: 7n,
          [counterIndexByName[toDropCounterName('egress', spoofedSource)]]: 5n,
          [counterIndexByName[toDropCounterName('egress', unknownProtocol)]]: 2n,
        });
      });

      test('into the pod, malformed and unknown packets are dropped, any source passes', async () => {
        toPod.send(ethernetToPod(IPv4, ipv4({ total: 99 })), 2);
        toPod.send(ethernetToPod(LLDP, Buffer.alloc(46)), 3);
        toPod.send(ethernetToPod(IPv4, ipv4({ source: '192.0.2.1' })), 1);
        expect(await counted()).toEqual({
          [counterIndexByName.ingressDroppedPackets]: 5n,
          [counterIndexByName[toDropCounterName('ingress', malformed)]]: 2n,
          [counterIndexByName[toDropCounterName('ingress', unknownProtocol)]]: 3n,
          [counterIndexByName.ingressPackets]: 1n,
          [counterIndexByName.ingressBytes]: 40n,
        });
      });
    });
  });
}
