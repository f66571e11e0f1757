import type { createSeededRandom } from '../../../bench/acl-rules.ts';
import { type IpAddress, parseAddress } from '../../../contract/cidr.ts';
import type { ConnectionPacket } from '../../unit/acl/reference-conntrack.ts';
import { ReferenceTranslation, type Side } from '../../unit/acl/reference-translation.ts';
import { type Packet, tcp as tcpFlags } from './packets.ts';

type Random = ReturnType<typeof createSeededRandom>;
type Flags = NonNullable<ConnectionPacket['tcp']>;

/** Who takes part: two pods, and a host beside the node. */
export type Party = 'a' | 'b' | 'outside';
export const partyAddresses = {
  a: { 4: '10.42.0.1', 6: 'fd00::1' },
  b: { 4: '10.42.0.2', 6: 'fd00::2' },
  outside: { 4: '10.9.0.2', 6: 'fd09::2' },
} as const;
export const serviceAddress = { 4: '10.96.0.1', 6: 'fd96::1' } as const;
export const nodeAddress = { 4: '10.9.0.1', 6: 'fd09::1' } as const;
/** Port that servers listen at, and the ports of the service and of the node that lead to it. */
export const ports = { server: 8080, service: 80, node: 30_080 } as const;

/** How a client reaches a server: who asks whom, and by which address. */
export const passages = {
  'pod to pod': { client: 'a', server: 'b', by: 'itself' },
  'pod by a service': { client: 'a', server: 'b', by: 'service' },
  'pod by the node’s port': { client: 'a', server: 'b', by: 'node' },
  'itself by a service': { client: 'b', server: 'b', by: 'service' },
  'from outside': { client: 'outside', server: 'b', by: 'itself' },
  'from outside by the node’s port': { client: 'outside', server: 'b', by: 'node' },
  'to the outside': { client: 'a', server: 'outside', by: 'itself' },
} as const satisfies Record<string, { client: Party; server: Party; by: 'itself' | 'service' | 'node' }>;
export type Passage = keyof typeof passages;

const none: Flags = { syn: false, ack: false, fin: false, rst: false };

/**
 * One connection as its two ends have it. Each end sends only what it may after what it has received, and again what may
 * have been lost.
 */
export class TranslatedLife {
  readonly passage: Passage;
  readonly family: 4 | 6;
  readonly isTcp: boolean;
  readonly clientPort: number;
  readonly reference: ReferenceTranslation;
  readonly history: string[] = [];
  #client: 'new' | 'asked' | 'open' | 'closed' = 'new';
  #server: 'listening' | 'asked' | 'answered' | 'open' | 'closed' = 'listening';
  /** Where the server was asked from. */
  #from: { address: IpAddress; port: number } | null = null;

  constructor(number: number, random: Random) {
    const kinds = Object.keys(passages) as Passage[];
    this.passage = kinds[Math.floor(random() * kinds.length)]!;
    this.family = random() < 0.5 ? 4 : 6;
    this.isTcp = random() < 0.6;
    this.clientPort = 1024 + number;
    const { client, server, by } = passages[this.passage];
    const isPod = { client: client !== 'outside', server: server !== 'outside' };
    this.reference = new ReferenceTranslation(
      (['client', 'server'] as const).filter((side) => isPod[side]),
      by !== 'itself' || server === 'outside',
    );
  }

  /** Returns an end's next packet; null if it has nothing to say. */
  next(random: Random): { sender: Side; tcp: ConnectionPacket['tcp'] } | null {
    const sender: Side = random() < 0.5 ? 'client' : 'server';
    if (!this.isTcp) return sender === 'server' && !this.#from ? null : { sender, tcp: null };
    const tcp = sender === 'client' ? this.#clientFlags(random) : this.#serverFlags(random);
    return tcp && { sender, tcp };
  }

  #clientFlags(random: Random): Flags | null {
    if (this.#client === 'closed') return null;
    if (this.#client === 'open') return openFlags(random);
    this.#client = 'asked';
    return { ...none, syn: true };
  }

  #serverFlags(random: Random): Flags | null {
    if (this.#server === 'closed' || this.#server === 'listening') return null;
    if (this.#server === 'open') return openFlags(random);
    this.#server = 'answered';
    return { ...none, syn: true, ack: true };
  }

  /** Puts a packet on the wire, as its sender does. */
  wire(sender: Side, flags: ConnectionPacket['tcp']): Packet {
    if (flags?.rst) this.#close(sender);
    const { client, server, by } = passages[this.passage];
    const asked = {
      itself: { address: partyAddresses[server][this.family], port: ports.server },
      service: { address: serviceAddress[this.family], port: ports.service },
      node: { address: nodeAddress[this.family], port: ports.node },
    }[by];
    const own = parseAddress(partyAddresses[sender === 'client' ? client : server][this.family]);
    const to = sender === 'client' ? { ...asked, address: parseAddress(asked.address) } : this.#from!;
    return {
      source: own,
      destination: to.address,
      protocol: this.isTcp ? 6 : 17,
      sourcePort: sender === 'client' ? this.clientPort : ports.server,
      destinationPort: to.port,
      tcpFlags: flags
        ? (flags.syn ? tcpFlags.syn : 0) |
          (flags.ack ? tcpFlags.ack : 0) |
          (flags.fin ? tcpFlags.fin : 0) |
          (flags.rst ? tcpFlags.rst : 0)
        : 0,
    };
  }

  /** Takes note of a packet that has arrived. @param from its source, as the receiver sees it */
  arrived(sender: Side, flags: ConnectionPacket['tcp'], from: { address: IpAddress; port: number }): void {
    if (sender === 'client') this.#from = from;
    if (!flags) return;
    if (flags.rst) this.#close(sender === 'client' ? 'server' : 'client');
    else if (sender === 'server' && flags.syn && this.#client === 'asked') this.#client = 'open';
    else if (sender === 'client' && flags.syn && this.#server === 'listening') this.#server = 'asked';
    else if (sender === 'client' && !flags.syn && this.#server === 'answered') this.#server = 'open';
  }

  #close(side: Side): void {
    if (side === 'client') this.#client = 'closed';
    else this.#server = 'closed';
  }
}

/** Flags of a segment in an open connection. An end that has sent a FIN may send it and acknowledgments again. */
function openFlags(random: Random): Flags {
  const what = random();
  if (what < 0.75) return { ...none, ack: true };
  return what < 0.92 ? { ...none, ack: true, fin: true } : { ...none, ack: true, rst: true };
}
