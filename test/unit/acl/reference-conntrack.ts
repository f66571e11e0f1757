/** End of a connection, seen from the pod that the rules protect. */
export type ConnectionEnd = 'pod' | 'peer';

/** A packet of one connection, with the flags of its TCP header; null for UDP. */
export interface ConnectionPacket {
  sender: ConnectionEnd;
  tcp: { syn: boolean; ack: boolean; fin: boolean; rst: boolean } | null;
}

interface Known {
  /** The end that sent the first packet that was seen. */
  initiator: ConnectionEnd | 'unknown';
  /** Seen before there were rules, and not by its first packet: `initiator` may be wrong. */
  learned: boolean;
  state: 'unreplied' | 'replied' | 'closing' | 'ended';
  fins: Set<ConnectionEnd>;
}

/**
 * Defines what becomes of the packets of one connection, by the simplest evaluation, as the oracle of the kernel's
 * conntrack. Times play no part.
 */
export class ReferenceConnection {
  #known: Known | null = null;

  /** @param mayBegin whether the rules of this moment allow a connection that this end begins */
  evaluate(packet: ConnectionPacket, mayBegin: (end: ConnectionEnd) => boolean): 'pass' | 'drop' {
    // What was learned and had no answer is no connection.
    const isNone = this.#known?.learned && this.#known.state !== 'replied';
    const known = isNone ? null : this.#find(packet);
    if (known === 'ended') return 'drop';
    if (known === null) return this.#begin(packet, mayBegin);
    if (known.learned) {
      known.learned = false;
      known.initiator = (['peer', 'pod'] as const).find(mayBegin) ?? 'unknown';
    }
    if (known.initiator === 'unknown' || !mayBegin(known.initiator)) {
      known.state = 'ended';
      return 'drop';
    }
    advance(known, packet);
    return 'pass';
  }

  /** Sees a packet pass while there are no rules. */
  learn(packet: ConnectionPacket): void {
    const known = this.#known?.state === 'ended' ? null : this.#find(packet);
    if (known !== null && known !== 'ended') {
      advance(known, packet);
      return;
    }
    const { sender, tcp } = packet;
    const isKnown = tcp !== null && isSyn(tcp);
    if (isKnown || tcp === null || (!tcp.syn && !tcp.rst))
      this.#known = { initiator: sender, learned: !isKnown, state: 'unreplied', fins: new Set() };
  }

  /** Returns whether a packet would be a connection's first one. */
  begins(packet: ConnectionPacket): boolean {
    return this.#find(packet) === null && (packet.tcp === null || isSyn(packet.tcp));
  }

  forget(): void {
    this.#known = null;
  }

  /** Returns the connection that a packet belongs to; null for none, or where the packet opens another in its place. */
  #find({ sender, tcp }: ConnectionPacket): Known | 'ended' | null {
    const known = this.#known;
    if (known === null) return null;
    const opens = tcp === null || isSyn(tcp);
    if (known.learned && tcp !== null && opens) return null;
    if (known.state === 'ended')
      return opens && (tcp !== null || known.initiator === 'unknown' || sender === known.initiator)
        ? null
        : 'ended';
    if (tcp === null || !opens || known.state === 'unreplied') return known;
    return known.initiator === sender && known.state === 'replied' ? known : null;
  }

  #begin({ sender, tcp }: ConnectionPacket, mayBegin: (end: ConnectionEnd) => boolean): 'pass' | 'drop' {
    if (!mayBegin(sender)) return 'drop';
    if (tcp === null || isSyn(tcp))
      this.#known = { initiator: sender, learned: false, state: 'unreplied', fins: new Set() };
    return 'pass';
  }
}

const isSyn = ({ syn, ack, fin, rst }: NonNullable<ConnectionPacket['tcp']>): boolean =>
  syn && !ack && !fin && !rst;

function advance(known: Known, { sender, tcp }: ConnectionPacket): void {
  if (tcp?.rst) known.state = 'closing';
  else if (known.state === 'unreplied' && sender !== known.initiator && (known.learned || tcp?.syn !== false))
    known.state = 'replied';
  if (tcp?.fin && !tcp.rst) {
    known.fins.add(sender);
    if (known.fins.size === 2) known.state = 'closing';
  }
}
