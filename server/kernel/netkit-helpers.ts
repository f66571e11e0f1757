import { closeSync } from 'node:fs';
import {
  addToRegister,
  callHelper,
  copyRegister,
  exitProgram,
  loadMapValueAddress,
  setRegister,
  skipIfEqual,
  storeRegister,
  storeValue,
} from '../bpf/instructions.ts';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { bind, errno, errnoName, getsockname, socket } from '../ffi/libc.ts';
import { isNetlinkError } from '../netlink/netlink-error.ts';
import { runInNetworkNamespace } from '../netlink/setns.ts';
import { HookTestbed } from './hook-testbed.ts';

/** Numbers of helpers, enum bpf_func_id of <linux/bpf.h>. */
const helperNumbers = {
  bpf_redirect: 23,
  bpf_sk_lookup_udp: 85,
  bpf_sk_release: 86,
  bpf_sk_assign: 124,
  bpf_redirect_peer: 155,
} as const;
/** Verdict TCX_DROP, equal to NETKIT_DROP. */
const drop = 2;
/** BPF_F_CURRENT_NETNS: the namespace of the packet's device. */
const currentNamespace = -1;
const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 0x8_0002;
const sockaddrIn = { bytes: 16, port: 2 } as const;

/** Helpers of tc programs that are tried at netkit’s hooks; the others do not depend on the hook. */
export const probedHelpers = ['bpf_redirect_peer', 'bpf_sk_assign'] as const;
export type ProbedHelper = (typeof probedHelpers)[number];

/** What a helper does in a program at netkit/peer, where packets from the pod pass. */
export interface HelperProbe {
  helper: ProbedHelper;
  /** Null if it could not be tried. */
  works: boolean | null;
  /** What happened. */
  detail: string;
}

let probed: Promise<HelperProbe[]> | null = null;

/**
 * Tries at a netkit device made for that what helpers do which depend on the hook. Once for this process: the kernel stays
 * as it is, and what could not be tried is tried again.
 */
export function probeNetkitHelpers(): Promise<HelperProbe[]> {
  probed ??= probe().then(
    (probes) => {
      if (probes.some(({ works }) => works === null)) probed = null;
      return probes;
    },
    (error: unknown) => {
      probed = null;
      throw error;
    },
  );
  return probed;
}

async function probe(): Promise<HelperProbe[]> {
  let testbed: HookTestbed;
  try {
    testbed = await HookTestbed.open('netkit');
  } catch (error) {
    const why = isNetlinkError(error, 'EOPNOTSUPP') ? 'the kernel has no netkit' : (error as Error).message;
    return probedHelpers.map((helper) => ({ helper, works: null, detail: why }));
  }
  using _ = testbed;
  return [
    await attempt('bpf_redirect_peer', () => tryRedirectPeer(testbed)),
    await attempt('bpf_sk_assign', () => trySocketAssign(testbed)),
  ];
}

async function attempt(
  helper: ProbedHelper,
  run: () => Promise<Omit<HelperProbe, 'helper'>>,
): Promise<HelperProbe> {
  try {
    return { helper, ...(await run()) };
  } catch (error) {
    return { helper, works: null, detail: (error as Error).message };
  }
}

/** Redirects a packet of one pod to the other, by `bpf_redirect` first, which has to arrive for the other to mean anything. */
async function tryRedirectPeer(testbed: HookTestbed): Promise<Omit<HelperProbe, 'helper'>> {
  const redirect = (helper: number) => (): Buffer =>
    Buffer.concat([
      setRegister(1, testbed.interfaces.otherPrimary),
      setRegister(2, 0),
      callHelper(helper),
      exitProgram(),
    ]);
  const plain = await testbed.run('netkit/peer', redirect(helperNumbers.bpf_redirect));
  if (!plain.arrived)
    return { works: null, detail: 'a packet redirected by bpf_redirect did not arrive either' };
  const { arrived } = await testbed.run('netkit/peer', redirect(helperNumbers.bpf_redirect_peer));
  return arrived
    ? { works: true, detail: 'a packet that it redirected arrived' }
    : { works: false, detail: 'the kernel drops the packets that it redirects' };
}

/** Looks up a UDP socket of the host, and assigns it to a packet. */
async function trySocketAssign(testbed: HookTestbed): Promise<Omit<HelperProbe, 'helper'>> {
  using listening = openUdpSocket(testbed.host.fd);
  const { stored } = await testbed.run('netkit/peer', (map) => buildSocketAssignment(map, listening.port));
  if (stored.readUInt32LE(result.found) === 0) return { works: null, detail: 'the program found no socket' };
  const answer = stored.readInt32LE(result.answer);
  return answer === 0
    ? { works: true, detail: 'it assigned a socket of the host to a packet' }
    : { works: false, detail: `it fails with ${errnoName(-answer)}` };
}

/** Offsets in what the program stores: whether it found the socket, and what the helper answered. */
const result = { found: 0, answer: 4 } as const;

/**
 * Encodes: find the UDP socket of this port by a tuple on the stack, struct bpf_sock_tuple with source, destination and
 * their ports; assign it to the packet, store the answer, release it; drop the packet.
 */
function buildSocketAssignment(map: number, port: number): Buffer {
  const tupleBytes = 12;
  const assign = [
    copyRegister(7, 0),
    copyRegister(1, 6),
    copyRegister(2, 7),
    setRegister(3, 0),
    callHelper(helperNumbers.bpf_sk_assign),
    loadMapValueAddress(1, map),
    storeRegister(4, 1, result.answer, 0),
    storeValue(4, 1, result.found, 1),
    copyRegister(1, 7),
    callHelper(helperNumbers.bpf_sk_release),
  ];
  return Buffer.concat([
    copyRegister(6, 1),
    storeValue(4, 10, -12, 0x0200_00c0), // 192.0.0.2 in network order, as the address below
    storeValue(4, 10, -8, 0x0200_00c0),
    storeValue(2, 10, -4, 1),
    storeValue(2, 10, -2, swap(port)),
    copyRegister(2, 10),
    addToRegister(2, -tupleBytes),
    setRegister(3, tupleBytes),
    setRegister(4, currentNamespace),
    setRegister(5, 0),
    callHelper(helperNumbers.bpf_sk_lookup_udp),
    skipIfEqual(0, 0, Buffer.concat(assign).length / 8),
    ...assign,
    setRegister(0, drop),
    exitProgram(),
  ]);
}

/** Swaps the bytes of a port, which a tuple has in network order. */
const swap = (port: number): number => ((port & 0xff) << 8) | (port >>> 8);

interface UdpSocket extends Disposable {
  port: number;
}

/** Opens a UDP socket in a namespace, on any port of all addresses. */
function openUdpSocket(namespaceFd: number): UdpSocket {
  const fd = recordOpenedDescriptor(
    runInNetworkNamespace(namespaceFd, () => socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0)),
    'UDP socket of the hook testbed',
  );
  if (fd < 0) throw new Error(`open a UDP socket: ${errnoName(errno())}`);
  const address = Buffer.alloc(sockaddrIn.bytes);
  address.writeUInt16LE(AF_INET, 0);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  if (bind(fd, address, address.length) < 0 || getsockname(fd, address, length) < 0) {
    const code = errno();
    closeSync(fd);
    throw new Error(`bind a UDP socket: ${errnoName(code)}`);
  }
  return { port: address.readUInt16BE(sockaddrIn.port), [Symbol.dispose]: () => closeSync(fd) };
}
