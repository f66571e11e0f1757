import { isIpv6Text } from '../../../contract/cidr.ts';
import type { Family } from '../../netlink/ip-address.ts';
import { type EchoOutcome, EchoSocket } from './icmp-socket.ts';

/** ICMP echo sockets of both families, opened at the first probe of each. */
export class EchoSockets {
  readonly #sockets = new Map<Family, EchoSocket | { why: string }>();
  #closed = false;

  /** Sends an echo request. @param address without a prefix length */
  async probe(address: string, timeoutMs: number): Promise<EchoOutcome> {
    if (this.#closed) return { why: 'the probes are closed' };
    const family = isIpv6Text(address) ? 'ipv6' : 'ipv4';
    const socket = this.#sockets.get(family) ?? this.#open(family);
    return socket instanceof EchoSocket ? socket.probe(address, timeoutMs) : socket;
  }

  /** Opens a socket, or remembers why that failed: every probe of the family then fails with the reason. */
  #open(family: Family): EchoSocket | { why: string } {
    let opened: EchoSocket | { why: string };
    try {
      opened = EchoSocket.open(family);
    } catch (error) {
      opened = { why: error instanceof Error ? error.message : String(error) };
    }
    this.#sockets.set(family, opened);
    return opened;
  }

  /** Ends probes in flight as unanswered. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#sockets.values()) if (socket instanceof EchoSocket) socket.close();
    this.#sockets.clear();
  }
}
