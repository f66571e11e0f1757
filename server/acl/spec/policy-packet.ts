import type { RuleProtocol } from '../../../contract/acl.ts';
import type { Direction } from '../../../contract/direction.ts';
import type { Address } from '../../../contract/cidr.ts';

/** The first packet of a connection, as a rule sees it. */
export interface Packet {
  /** Id of the pod that sends (egress) or gets (ingress) it. */
  pod: string;
  direction: Direction;
  /** The address at the other end. */
  peer: Address;
  /** IP protocol number: the last next header of IPv6. */
  protocol: number;
  /** Destination port; of ICMP `type << 8 | code`; of others 0. */
  port: number;
}

export type Verdict = 'allow' | 'deny';

/** IP protocol numbers, as <linux/in.h> and <linux/in6.h> have them. */
export const ipProtocol = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;

/** What a rule calls the packet's protocol. ICMP of the other family is none that a host understands. */
export function protocolOf({ protocol, peer }: Pick<Packet, 'protocol' | 'peer'>): RuleProtocol {
  switch (protocol) {
    case ipProtocol.tcp:
      return 'tcp';
    case ipProtocol.udp:
      return 'udp';
    case ipProtocol.sctp:
      return 'sctp';
    case peer.family === 4 ? ipProtocol.icmp : ipProtocol.icmpv6:
      return 'icmp';
    default:
      return 'any';
  }
}
