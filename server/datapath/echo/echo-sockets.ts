import { isIpv6Text } from '../../../contract/cidr.ts';
import type { IpFamily } from '../../netlink/ip-address.ts';
import { type EchoOutcome, EchoSocket } from './icmp-socket.ts';

/** ICMP echo sockets for IPv4 and IPv6; each socket is opened at the first probe of its family. */
export class EchoSockets {
  readonly #sockets = new Map<IpFamily, EchoSocket | { why: string }>();
  #closed = false;

  /** Sends an ICMP echo request and waits for the reply. @param address IP address without a prefix length */
  async probe(address: string, timeoutMs: number): Promise<EchoOutcome> {
    if (this.#closed) return { why: 'the probes are closed' };
    const family = isIpv6Text(address) ? 'ipv6' : 'ipv4';
    const socket = this.#sockets.get(family) ?? this.#open(family);
    return socket instanceof EchoSocket ? socket.probe(address, timeoutMs) : socket;
  }

  /** Opens the socket of a family. If opening fails, every later probe of the family fails with the same reason. */
  #open(family: IpFamily): EchoSocket | { why: string } {
    let opened: EchoSocket | { why: string };
    try {
      opened = EchoSocket.open(family);
    } catch (error) {
      opened = { why: error instanceof Error ? error.message : String(error) };
    }
    this.#sockets.set(family, opened);
    return opened;
  }

  /** Closes the sockets and ends pending probes as unanswered. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#sockets.values()) if (socket instanceof EchoSocket) socket.close();
    this.#sockets.clear();
  }
}
