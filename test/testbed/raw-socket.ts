import { closeSync, openSync } from 'node:fs';
import { errno, errnoName, recv, sendto, socket, strerror } from '../../server/ffi/libc.ts';
import { ipAddressToBytes } from '../../server/netlink/ip-address.ts';
import { runInNetworkNamespace } from '../../server/netlink/setns.ts';

const families = { IPv4: 2, IPv6: 10 } as const;
export type RawFamily = keyof typeof families;
/** SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK */
const rawSocket = 0x8_0803;

/** Sends and receives packets of an IP protocol in a network namespace (raw(7)); the kernel adds the IP header. */
export class RawSocket implements Disposable {
  readonly #fd: number;
  readonly #family: RawFamily;

  constructor(netns: string, family: RawFamily, protocol: number) {
    const namespace = openSync(netns, 'r');
    try {
      this.#fd = runInNetworkNamespace(namespace, () => socket(families[family], rawSocket, protocol));
    } finally {
      closeSync(namespace);
    }
    if (this.#fd < 0) throw new Error(`open a raw socket of protocol ${protocol}: ${strerror(errno())}`);
    this.#family = family;
  }

  send(to: string, payload: Buffer): void {
    const isIpv4 = this.#family === 'IPv4';
    const address = Buffer.alloc(isIpv4 ? 16 : 28);
    address.writeUInt16LE(families[this.#family], 0);
    address.set(ipAddressToBytes(to), isIpv4 ? 4 : 8);
    const sent = sendto(this.#fd, payload, payload.length, 0, address, address.length);
    // A packet that a program drops on its way out counts as sent.
    if (sent < 0 && errnoName(errno()) !== 'ENOBUFS') throw new Error(`send to ${to}: ${strerror(errno())}`);
  }

  /** Returns the payloads that have arrived, in their order. */
  receive(): Buffer[] {
    const found: Buffer[] = [];
    for (;;) {
      const packet = Buffer.alloc(2048);
      const length = recv(this.#fd, packet, packet.length, 0);
      if (length < 0) return found;
      const header = this.#family === 'IPv4' ? ((packet[0] ?? 0) & 15) * 4 : 0;
      found.push(packet.subarray(header, length));
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
