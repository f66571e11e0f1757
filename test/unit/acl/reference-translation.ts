import { type ConnectionPacket, ReferenceConnection } from './reference-conntrack.ts';

/** End of a connection by who began it. */
export type Side = 'client' | 'server';

/** What the rules of this moment say about one end of a connection, if it is a pod of the node. */
export interface EndPermissions {
  /** Whether the end may begin a connection to the other one, whatever stands between them. */
  begin: boolean;
  /** Whether it may be reached by the other one. */
  beReached: boolean;
}

/**
 * Defines what becomes of the packets of a connection between two ends, between which the host may translate addresses,
 * by the simplest evaluation. An end that is no pod has no rules.
 */
export class ReferenceTranslation {
  readonly #known: Partial<Record<Side, ReferenceConnection>>;
  readonly #evaluatedBehindNat: boolean;

  /** @param evaluatedBehindNat whether what the client begins is evaluated after the host chose the other end */
  constructor(pods: readonly Side[], evaluatedBehindNat: boolean) {
    this.#known = Object.fromEntries(pods.map((side) => [side, new ReferenceConnection()]));
    this.#evaluatedBehindNat = evaluatedBehindNat;
  }

  evaluate(
    sender: Side,
    tcp: ConnectionPacket['tcp'],
    permissions: Record<Side, EndPermissions>,
  ): 'pass' | 'drop' {
    const receiver: Side = sender === 'client' ? 'server' : 'client';
    const leaves = this.#evaluate(sender, { sender: 'pod', tcp }, permissions);
    return leaves === 'pass' ? this.#evaluate(receiver, { sender: 'peer', tcp }, permissions) : 'drop';
  }

  #evaluate(
    side: Side,
    packet: ConnectionPacket,
    permissions: Record<Side, EndPermissions>,
  ): 'pass' | 'drop' {
    const known = this.#known[side];
    if (!known) return 'pass';
    const { begin, beReached } = permissions[side];
    const begins = known.begins(packet);
    const verdict = known.evaluate(packet, (end) => (end === 'pod' ? begin : beReached));
    // What the host has to translate first is noted before it is evaluated, in place of what ended before.
    if (begins && verdict === 'drop' && packet.sender === 'pod' && this.#evaluatedBehindNat) known.forget();
    return verdict;
  }
}
