import { ProblemError } from '../../contract/problem.ts';
import { close, errno, sendto, socket, strerror } from '../ffi/libc.ts';
import { addressFamilies, type IpFamily, ipAddressToBytes } from '../netlink/ip-address.ts';
import { runInNetworkNamespace } from '../netlink/setns.ts';

/** Socket type SOCK_RAW | SOCK_CLOEXEC, and the protocols ICMP and ICMPv6. */
const SOCK_RAW_CLOEXEC = 0x8_0003;
const protocols = { ipv4: 1, ipv6: 58 } as const;

/** MTU in bytes of the path to a destination, which a host learned from an ICMP error. */
export interface PathMtu {
  family: IpFamily;
  destination: string;
  mtu: number;
}

/**
 * Makes the kernel of a network namespace learn path MTUs anew: sends to itself the ICMP error that a router would send
 * (RFC 1191, fragmentation needed; RFC 8201, packet too big), about an echo reply, for which no socket has to exist.
 * The kernel adds them to the routes that it uses now, for the time of `net.ipv4.route.mtu_expires`.
 * @param source gives an address of the namespace, as source of the packet that was too big; null: not learned
 * @throws ProblemError `kernel_refused`
 */
export function learnPathMtus(
  mtus: readonly PathMtu[],
  source: (family: IpFamily) => string | null,
  namespaceFd: number,
): void {
  for (const family of ['ipv4', 'ipv6'] as const) {
    const from = source(family);
    const wanted = mtus.filter((each) => each.family === family);
    if (from === null || wanted.length === 0) continue;
    const fd = runInNetworkNamespace(namespaceFd, () =>
      socket(addressFamilies[family], SOCK_RAW_CLOEXEC, protocols[family]),
    );
    if (fd < 0) throw new ProblemError('kernel_refused', `open a raw ICMP socket: ${strerror(errno())}`);
    try {
      const address = socketAddress(family, from);
      for (const { destination, mtu } of wanted) {
        const error =
          family === 'ipv4'
            ? fragmentationNeeded(from, destination, mtu)
            : packetTooBig(from, destination, mtu);
        // What cannot be sent is learned from the network again.
        sendto(fd, error, error.length, 0, address, address.length);
      }
    } finally {
      close(fd);
    }
  }
}

/** Encodes struct sockaddr_in or sockaddr_in6. */
function socketAddress(family: IpFamily, address: string): Buffer {
  const bytes = Buffer.alloc(family === 'ipv4' ? 16 : 28);
  bytes.writeUInt16LE(addressFamilies[family], 0);
  bytes.set(ipAddressToBytes(address), family === 'ipv4' ? 4 : 8);
  return bytes;
}

/** Encodes an ICMP error of type 3, code 4, about an echo reply. */
function fragmentationNeeded(source: string, destination: string, mtu: number): Buffer {
  const packet = Buffer.alloc(28);
  packet.set([0x45, 0], 0);
  packet.writeUInt16BE(Math.min(mtu + 1, 0xffff), 2);
  packet.set([64, protocols.ipv4], 8);
  packet.set(ipAddressToBytes(source), 12);
  packet.set(ipAddressToBytes(destination), 16);
  packet.writeUInt16BE(checksum(packet.subarray(0, 20)), 10);
  const error = Buffer.concat([Buffer.from([3, 4, 0, 0, 0, 0, mtu >> 8, mtu & 0xff]), packet]);
  error.writeUInt16BE(checksum(error), 2);
  return error;
}

/** Encodes an ICMPv6 error of type 2 about an echo reply (type 129); the kernel fills in the checksum. */
function packetTooBig(source: string, destination: string, mtu: number): Buffer {
  const error = Buffer.alloc(56);
  error[0] = 2;
  error.writeUInt32BE(mtu, 4);
  error[8] = 0x60;
  error.writeUInt16BE(8, 12);
  error.set([protocols.ipv6, 64], 14);
  error.set(ipAddressToBytes(source), 16);
  error.set(ipAddressToBytes(destination), 32);
  error[48] = 129;
  return error;
}

/** Computes the Internet checksum of an even number of bytes (RFC 1071). */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
