import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { BpfArrayMap, createMmapableArrayMap } from '../bpf/array-map.ts';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { bind, errno, errnoName, recv, send, socket } from '../ffi/libc.ts';
import { getLink, setLink } from '../netlink/link.ts';
import { addNetkit } from '../netlink/netkit.ts';
import { runInNetworkNamespace } from '../netlink/setns.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { addVeth } from '../netlink/veth.ts';
import {
  createBpfLinkSync,
  loadProbeProgram,
  minimalProgramAttachTypes,
  minimalProgramTypes,
} from './capability-probe-programs.ts';
import { createUnnamedNamespace, type NetworkNamespace } from './netns.ts';

/** Hooks of the first device of the testbed, and where a packet that passes them is sent from. */
const hooks = {
  'netkit/peer': { attachType: minimalProgramAttachTypes.netkitPeer, from: 'pod' },
  'netkit/primary': { attachType: minimalProgramAttachTypes.netkitPrimary, from: 'host' },
  'tcx/ingress': { attachType: minimalProgramAttachTypes.tcxIngress, from: 'pod' },
  'tcx/egress': { attachType: minimalProgramAttachTypes.tcxEgress, from: 'host' },
} as const;
export type TestedHook = keyof typeof hooks;

// Constants of <sys/socket.h>, <linux/if_ether.h> and <linux/if_packet.h>.
const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC = 0x8_0003;
const MSG_DONTWAIT = 0x40;
const ETH_P_ALL = 3;
const sockaddrLl = { bytes: 20, protocol: 2, ifindex: 4 } as const;
/** Time in ms for which a packet is waited for, and between two looks. */
const waits = { arrival: 300, look: 2 } as const;
/** Bytes in which a program stores what it finds. */
const storedBytes = 16;

/** Outcome of one packet at a hook. */
export interface HookRun {
  /** What the program stored; zeros if it did not run. */
  stored: Buffer;
  /** True if the packet arrived at the other pod. */
  arrived: boolean;
}

/** Interfaces of the testbed by their indexes. */
export interface HookTestbedInterfaces {
  primary: number;
  peer: number;
  /** Of the other pod's device. */
  otherPrimary: number;
  otherPeer: number;
}

/**
 * A namespace for a host and two for pods, with a device of the same kind between the host and each pod, to try what a
 * program of a few instructions does at a hook. Nothing of the node is touched, and all of it goes with `close`.
 */
export class HookTestbed implements Disposable {
  readonly host: NetworkNamespace;
  readonly interfaces: HookTestbedInterfaces;
  readonly #pod: NetworkNamespace;
  readonly #other: NetworkNamespace;

  private constructor(
    [host, pod, other]: readonly [NetworkNamespace, NetworkNamespace, NetworkNamespace],
    interfaces: HookTestbedInterfaces,
  ) {
    this.host = host;
    this.#pod = pod;
    this.#other = other;
    this.interfaces = interfaces;
  }

  /** Makes the namespaces and devices. @throws NetlinkError where the kernel has no such device */
  static async open(kind: 'netkit' | 'veth'): Promise<HookTestbed> {
    using made = new DisposableStack();
    const make = (): NetworkNamespace => made.use(createUnnamedNamespace());
    const namespaces = [make(), make(), make()] as const;
    const [host, pod, other] = namespaces;
    using socket = NetlinkSocket.inNamespace(host.fd);
    const [primary, peer] = await addPair(socket, kind, 'first', pod.fd);
    const [otherPrimary, otherPeer] = await addPair(socket, kind, 'second', other.fd);
    made.move();
    return new HookTestbed(namespaces, { primary, peer, otherPrimary, otherPeer });
  }

  /**
   * Attaches a program to a hook of the first device, sends one packet through it and detaches it again.
   * @param program encodes the instructions; it gets the descriptor of a map whose value is stored
   */
  async run(hook: TestedHook, program: (mapFd: number) => Buffer): Promise<HookRun> {
    using opened = new DisposableStack();
    const own = (fd: number): number => {
      opened.defer(() => closeSync(fd));
      return fd;
    };
    const { attachType, from } = hooks[hook];
    const map = own(createMmapableArrayMap('podlane_probe', storedBytes, 1));
    const loaded = own(
      await loadProbeProgram(
        `load a program for ${hook}`,
        minimalProgramTypes.schedulerClassifier,
        program(map),
      ),
    );
    const { primary, peer, otherPeer } = this.interfaces;
    own(
      runInNetworkNamespace(this.host.fd, () =>
        createBpfLinkSync(`attach ${hook}`, loaded, primary, attachType),
      ),
    );
    const receiver = own(openPacketSocket(this.#other, otherPeer, ETH_P_ALL));
    const sender = own(
      from === 'pod' ? openPacketSocket(this.#pod, peer, 0) : openPacketSocket(this.host, primary, 0),
    );
    const frame = buildFrame();
    // A packet that the program drops in our own transmit is answered by ENOBUFS.
    if (send(sender, frame, frame.length, 0) < 0 && errnoName(errno()) !== 'ENOBUFS')
      throw new Error(`send a packet through ${hook}: ${errnoName(errno())}`);
    const stored = (): Buffer => new BpfArrayMap(map, 'podlane_probe', storedBytes).get(0);
    const deadline = performance.now() + waits.arrival;
    let arrived = false;
    while (!arrived && performance.now() < deadline) {
      arrived = receive(receiver, frame);
      if (!arrived) await sleep(waits.look);
    }
    return { stored: stored(), arrived };
  }

  [Symbol.dispose](): void {
    for (const namespace of [this.#other, this.#pod, this.host]) namespace.close();
  }
}

async function addPair(
  socket: NetlinkSocket,
  kind: 'netkit' | 'veth',
  name: string,
  netnsFd: number,
): Promise<[primary: number, peer: number]> {
  const pair = { primary: { name, up: true }, peer: { name: 'eth0', netnsFd } };
  if (kind === 'veth') await addVeth(socket, pair);
  else await addNetkit(socket, { mode: 'l3', ...pair });
  using inside = NetlinkSocket.inNamespace(netnsFd);
  const [primary, peer] = [await getLink(socket, { name }), await getLink(inside, { name: 'eth0' })];
  if (!primary || !peer) throw new Error(`find ${name}, just made: not found`);
  await setLink(inside, peer.ifindex, { up: true });
  return [primary.ifindex, peer.ifindex];
}

function openPacketSocket(namespace: NetworkNamespace, ifindex: number, protocol: number): number {
  const address = Buffer.alloc(sockaddrLl.bytes);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(protocol, sockaddrLl.protocol);
  address.writeInt32LE(ifindex, sockaddrLl.ifindex);
  const fd = recordOpenedDescriptor(
    runInNetworkNamespace(namespace.fd, () => socket(AF_PACKET, SOCK_RAW_CLOEXEC, 0)),
    'packet socket of the hook testbed',
  );
  if (fd < 0) throw new Error(`open a packet socket: ${errnoName(errno())}`);
  if (bind(fd, address, address.length) === 0) return fd;
  const code = errno();
  closeSync(fd);
  throw new Error(`bind a packet socket to ifindex ${ifindex}: ${errnoName(code)}`);
}

/** Builds an IPv4 packet of UDP to a documentation address, with a payload that no other packet has. */
function buildFrame(): Buffer {
  const payload = randomBytes(16);
  const ethernet = Buffer.from('ffffffffffff0200000000010800', 'hex');
  const ip = Buffer.alloc(20);
  ip.writeUInt8(0x45, 0);
  ip.writeUInt16BE(20 + 8 + payload.length, 2);
  ip.writeUInt8(64, 8);
  ip.writeUInt8(17, 9);
  ip.set([192, 0, 2, 1, 192, 0, 2, 2], 12);
  let sum = 0;
  for (let at = 0; at < ip.length; at += 2) sum += ip.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  ip.writeUInt16BE(~sum & 0xffff, 10);
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(40_000, 0);
  udp.writeUInt16BE(40_001, 2);
  udp.writeUInt16BE(8 + payload.length, 4);
  return Buffer.concat([ethernet, ip, udp, payload]);
}

/** Reads what has arrived at a packet socket. @returns true if the payload of the frame is among it */
function receive(fd: number, frame: Buffer): boolean {
  const payload = frame.subarray(frame.length - 16);
  const into = Buffer.alloc(2048);
  for (;;) {
    const length = recv(fd, into, into.length, MSG_DONTWAIT);
    if (length < 0) return false;
    if (into.subarray(0, length).includes(payload)) return true;
  }
}
