import { closeSync, fstatSync } from 'node:fs';
import koffi from 'koffi';
import { bind, errno, setsockopt, socket, strerror } from '../../../server/ffi/libc.ts';
import { addressFamilies, detectIpFamily, ipAddressToBytes } from '../../../server/netlink/ip-address.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';

const libc = koffi.load('libc.so.6');
const listen = libc.func('int listen(int fd, int backlog)');
const connect = libc.func('int connect(int fd, void *address, uint32_t length)');
const SOL_SOCKET = 1;
const SO_BINDTODEVICE = 25;
const AF_PACKET = 17;
const AF_XDP = 44;
const types = { stream: 1, datagram: 2, raw: 3 } as const;

interface Wanted {
  domain: 'ipv4' | 'ipv6' | 'packet' | 'xdp';
  type: keyof typeof types;
  protocol?: number;
  /** name, for SO_BINDTODEVICE */
  device?: string;
  bind?: [address: string, port: number];
  connect?: [address: string, port: number];
  /** of a packet socket */
  ifindex?: number;
  /** level, option, value */
  option?: [number, number, Buffer];
}

/** Sockets that are open until the block ends. Made by calls, so that they can be in any namespace. */
export class BoundTestSockets implements Disposable {
  readonly #namespace: number;
  readonly #fds: number[] = [];

  constructor(namespaceFd: number) {
    this.#namespace = namespaceFd;
  }

  /** @returns the socket's inode */
  open(wanted: Wanted): number {
    const domain =
      wanted.domain === 'packet'
        ? AF_PACKET
        : wanted.domain === 'xdp'
          ? AF_XDP
          : addressFamilies[wanted.domain];
    const fd = runInNetworkNamespace(this.#namespace, () =>
      checked('socket', socket(domain, types[wanted.type], wanted.protocol ?? 0)),
    );
    this.#fds.push(fd);
    if (wanted.device !== undefined) {
      const name = Buffer.from(wanted.device);
      checked('SO_BINDTODEVICE', setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length));
    }
    if (wanted.option) checked('setsockopt', setsockopt(fd, ...wanted.option, wanted.option[2].length));
    if (wanted.ifindex !== undefined) {
      const address = Buffer.alloc(20);
      address.writeUInt16LE(AF_PACKET, 0);
      address.writeUInt16BE(0x0800, 2);
      address.writeInt32LE(wanted.ifindex, 4);
      checked('bind', bind(fd, address, address.length));
    }
    if (wanted.bind) {
      const address = socketAddress(...wanted.bind);
      checked('bind', bind(fd, address, address.length));
    }
    if (wanted.bind && wanted.type === 'stream') checked('listen', listen(fd, 1));
    if (wanted.connect) {
      const address = socketAddress(...wanted.connect);
      checked('connect', connect(fd, address, address.length));
    }
    return fstatSync(fd).ino;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds) closeSync(fd);
  }
}

/** struct sockaddr_in: u16 family, be16 port, address@4; sockaddr_in6: address@8, 28 bytes. */
function socketAddress(address: string, port: number): Buffer {
  const four = detectIpFamily(address) === 'ipv4';
  const bytes = Buffer.alloc(four ? 16 : 28);
  bytes.writeUInt16LE(addressFamilies[detectIpFamily(address)], 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(ipAddressToBytes(address), four ? 4 : 8);
  return bytes;
}

const checked = (tried: string, answer: number): number => {
  if (answer < 0) throw new Error(`${tried}: ${strerror(errno())}`);
  return answer;
};
