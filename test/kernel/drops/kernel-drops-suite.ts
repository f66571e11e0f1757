import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { DeviceKind } from '../../../contract/device.ts';
import type { KernelCapability } from '../../../contract/node.ts';
import { openKernelDropProgram } from '../../../server/bpf/kernel-drop-program.ts';
import { KernelDropCounters } from '../../../server/counters/kernel-drop-counters.ts';
import { openNetworkNamespace } from '../../../server/kernel/netns.ts';
import { writeSysctl } from '../../../server/kernel/sysctl.ts';
import { DeviceFixture, hostAddress, podAddress } from '../bpf/device-fixture.ts';
import { checksum, ethernet, ethernetToPod, ipv4 } from '../bpf/frames.ts';

const slot = 3;
const [cart, web] = [11, 12];
const available: KernelCapability = { name: 'drop-reasons', available: true, detail: 'attached', hint: null };
const inode = (path: string): bigint => statSync(path, { bigint: true }).ino;

/** Tests kernel drops of two pods on two simulated hosts, whose devices have the same indexes. */
export function describeKernelDrops(kind: DeviceKind): void {
  describe(`the kernel's drops of a pod on ${kind}`, () => {
    let fixture: DeviceFixture;
    let elsewhere: DeviceFixture;
    let drops: KernelDropCounters;
    beforeAll(async () => {
      fixture = preparedStage(kind);
      elsewhere = preparedStage(kind);
      drops = await KernelDropCounters.open(available, { hostNetns: inode(fixture.host), maxSlots: 8 });
      expect(drops.read(cart)).toMatchObject({ available: true, detail: 'attached', since: null });
      drops.track({ number: cart, netnsInode: inode(fixture.pod), slots: [slot] });
      drops.track({ number: web, netnsInode: inode(elsewhere.pod), slots: [] });
    });
    afterAll(() => {
      drops?.close();
      fixture?.[Symbol.dispose]();
      elsewhere?.[Symbol.dispose]();
    });

    /** What came on top of what was there, by reason, once nothing comes any more. */
    async function dropped(pod: number, act: () => void | Promise<void>): Promise<Record<string, number>> {
      const count = () => new Map(drops.read(pod).reasons.map(({ reason, packets }) => [reason, packets]));
      const before = count();
      await act();
      await settled(() => JSON.stringify([...count()]));
      return Object.fromEntries(
        [...count()]
          .map(([reason, packets]) => [reason, packets - (before.get(reason) ?? 0)] as const)
          .filter(([, packets]) => packets > 0),
      );
    }

    test('a datagram to a closed port of the pod: NO_SOCKET', async () => {
      const began = Date.now();
      expect(await dropped(cart, () => sendDatagrams(fixture, 5))).toEqual({ NO_SOCKET: 5 });
      const [reason] = drops.read(cart).reasons;
      expect(reason).toMatchObject({ reason: 'NO_SOCKET', packets: 5, number: expect.any(Number) });
      expect(Math.abs(Date.parse(reason!.lastSeen) - began)).toBeLessThan(5000);
    });

    test('a packet of the pod whose time to live ends at the host: IP_INHDR, at the primary', async () => {
      expect(await dropped(cart, () => sendDying(fixture, kind, 3))).toEqual({ IP_INHDR: 3 });
    });

    test('a packet of the pod from an address that is not routed back: IP_RPFILTER, at the primary', async () => {
      sysctl(fixture.host, `net/ipv4/conf/pl${slot}/rp_filter`, 1);
      const strange = summed(ipv4({ source: '192.0.2.7', destination: hostAddress }));
      const sent = await dropped(cart, () => {
        using packets = fixture.packetsFromPod(slot);
        packets.send(frameOf(kind, ethernet(0x0800, strange)), 4);
      });
      sysctl(fixture.host, `net/ipv4/conf/pl${slot}/rp_filter`, 0);
      expect(sent).toEqual({ IP_RPFILTER: 4 });
    });

    test('a packet that a listening socket refuses, after it lost its device: TCP_FLAGS', async () => {
      await using _ = await listening(fixture.pod, 80);
      const sent = await dropped(cart, () => {
        using packets = fixture.packetsToPod(slot);
        packets.send(frameOf(kind, ethernetToPod(0x0800, segmentWithoutFlags(80))), 2);
      });
      expect(sent).toEqual({ TCP_FLAGS: 2 });
    });

    test('drops of another pod whose device has the same index are counted separately', async () => {
      let webs: Record<string, number> = {};
      const carts = await dropped(cart, async () => {
        webs = await dropped(web, () => sendDatagrams(elsewhere, 3));
      });
      expect([webs, carts]).toEqual([{ NO_SOCKET: 3 }, {}]);
      // At its primary, in a namespace that is not our host.
      expect(await dropped(cart, () => sendDying(elsewhere, kind, 1))).toEqual({});
    });

    test('counts continue on a new device, and drops at the old slot count for no pod', async () => {
      const before = drops.read(cart);
      drops.track({ number: cart, netnsInode: inode(fixture.pod), slots: [5] });
      expect(await dropped(cart, () => sendDatagrams(fixture, 1))).toEqual({ NO_SOCKET: 1 });
      expect(await dropped(cart, () => sendDying(fixture, kind, 1))).toEqual({});
      drops.track({ number: cart, netnsInode: inode(fixture.pod), slots: [5, slot] });
      expect(await dropped(cart, () => sendDying(fixture, kind, 1))).toEqual({ IP_INHDR: 1 });
      expect(drops.read(cart)).toMatchObject({ since: before.since, lost: 0 });
    });

    test('counts of an untracked pod are deleted, and another pod on its slot starts at 0', async () => {
      drops.track({ number: cart + 5, netnsInode: 1n, slots: [slot] });
      drops.untrack(cart);
      expect(drops.read(cart)).toMatchObject({ since: null, reasons: [] });
      sendDatagrams(fixture, 1);
      const next = await dropped(cart + 5, () => sendDying(fixture, kind, 1));
      expect(next).toEqual({ IP_INHDR: 1 });
      expect([...drops.readAll().keys()].sort()).toEqual([web, cart + 5]);
    });

    test('drops without room in the map are counted as lost', async () => {
      const hostNetns = inode(fixture.host);
      const program = await openKernelDropProgram({
        hostNetns,
        maxSlots: 8,
        maxCounts: 1,
        receiverTold: false,
      });
      program.setNamespace(inode(fixture.pod), cart);
      program.setSlot(slot, cart);
      sendDatagrams(fixture, 2);
      await vi.waitFor(() => expect(program.counts()).toMatchObject([{ pod: cart, packets: 2n }]));
      sendDying(fixture, kind, 3);
      await vi.waitFor(() => expect(program.lost()).toBe(3n));
      program.close();
    });

    test('closing leaves no program, map or descriptor', async () => {
      const descriptors = () => readdirSync('/proc/self/fd').length;
      const before = descriptors();
      const again = await KernelDropCounters.open(available, { hostNetns: 1n, maxSlots: 8 });
      expect(descriptors()).toBeGreaterThan(before);
      again.close();
      expect(descriptors()).toBe(before);
    });
  });
}

test('without drop reasons of the kernel, reading says why', async () => {
  const detail = 'look up enum skb_drop_reason in the kernel’s BTF: not there';
  const capability: KernelCapability = { name: 'drop-reasons', available: false, detail, hint: 'needs BTF' };
  const drops = await KernelDropCounters.open(capability, { hostNetns: 1n, maxSlots: 8 });
  drops.track({ number: cart, netnsInode: 2n, slots: [1] });
  const nothing = { available: false, since: null, detail, hint: 'needs BTF', lost: 0, reasons: [] };
  expect(drops.read(cart)).toEqual(nothing);
  drops.untrack(cart);
  drops.close();
});

function preparedStage(kind: DeviceKind): DeviceFixture {
  const fixture = new DeviceFixture();
  fixture.addDevice(kind, slot, 'forward');
  fixture.in(fixture.pod, 'ip', 'link', 'set', 'lo', 'up');
  fixture.in(fixture.pod, 'ip', 'route', 'add', 'default', 'via', hostAddress, 'dev', `eth${slot}`);
  fixture.in(fixture.host, 'ip', 'route', 'add', '10.9.9.9', 'via', podAddress, 'dev', `pl${slot}`);
  sysctl(fixture.host, 'net/ipv4/ip_forward', 1);
  for (const name of ['all', `pl${slot}`]) sysctl(fixture.host, `net/ipv4/conf/${name}/rp_filter`, 0);
  return fixture;
}

function sysctl(namespace: string, name: string, value: number): void {
  using opened = openNetworkNamespace(namespace);
  writeSysctl(name, value, opened.fd);
}

/** To the discard port, which nobody listens on, each by a socket of its own. */
const sendDatagrams = (fixture: DeviceFixture, count: number): void =>
  fixture.in(
    fixture.host,
    'bash',
    '-c',
    `for i in $(seq ${count}); do echo x >/dev/udp/${podAddress}/9; done`,
  );

/** From the pod to where the host would send them on, had they more than one hop to live. */
function sendDying(fixture: DeviceFixture, kind: DeviceKind, count: number): void {
  using packets = fixture.packetsFromPod(slot);
  const packet = ipv4({ destination: '10.9.9.9' });
  packet[8] = 1;
  packets.send(frameOf(kind, ethernet(0x0800, summed(packet))), count);
}

/** netkit L3 has no MAC addresses: zeros are its own. */
const frameOf = (kind: DeviceKind, frame: Buffer): Buffer =>
  kind === 'netkit' ? frame.fill(0, 0, 12) : frame;

/** With the checksum of its IPv4 header. */
function summed(packet: Buffer): Buffer {
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  return packet;
}

/** A TCP segment from the host to the pod, header only, no flag set. */
function segmentWithoutFlags(port: number): Buffer {
  const packet = ipv4({ source: hostAddress, destination: podAddress, payload: 20 });
  packet[9] = 6;
  summed(packet);
  packet.writeUInt16BE(40_000, 20);
  packet.writeUInt16BE(port, 22);
  packet[32] = 5 << 4;
  const pseudo = Buffer.from([0, 6, 0, 20]);
  packet.writeUInt16BE(checksum(Buffer.concat([packet.subarray(12, 20), pseudo, packet.subarray(20)])), 36);
  return packet;
}

async function listening(netns: string, port: number): Promise<AsyncDisposable> {
  const script = `require('net').createServer().listen(${port}, '0.0.0.0', () => console.log('ready'))`;
  const child = spawn('nsenter', [`--net=${netns}`, process.execPath, '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

/** Waits until what is read stays the same for a moment: softirqs of the sender may still run. */
async function settled(read: () => string): Promise<void> {
  let last = '';
  await vi.waitFor(
    () => {
      const now = read();
      const same = now === last;
      last = now;
      if (!same) throw new Error('still changing');
    },
    { timeout: 20_000, interval: 50 },
  );
}
