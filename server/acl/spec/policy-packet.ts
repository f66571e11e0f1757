import type { IpAddress } from '../../../contract/cidr.ts';
import type { Direction } from '../../../contract/direction.ts';
import type { RuleProtocol } from '../../../contract/rule-set.ts';

/** Packet fields that the rules of one pod evaluate for the first packet of a connection. */
export interface PolicyPacket {
  /** Id of the pod that sends the packet (egress) or receives it (ingress). */
  pod: string;
  direction: Direction;
  /** Address of the peer, the packet's other endpoint. */
  peer: IpAddress;
  /** IP protocol number of the packet; for IPv6, the last next-header value. */
  protocol: number;
  /** Destination port; `type << 8 | code` for ICMP, 0 for protocols without ports. */
  port: number;
}

export type PolicyVerdict = 'allow' | 'deny';

/** IP protocol numbers from <linux/in.h> and <linux/in6.h>. */
export const ipProtocolNumbers = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;

/**
 * Returns the protocol of rules that match the packet. ICMP of the other address family, which no host understands,
 * only matches rules for any protocol.
 */
export function toRuleProtocol({ protocol, peer }: Pick<PolicyPacket, 'protocol' | 'peer'>): RuleProtocol {
  switch (protocol) {
    case ipProtocolNumbers.tcp:
      return 'tcp';
    case ipProtocolNumbers.udp:
      return 'udp';
    case ipProtocolNumbers.sctp:
      return 'sctp';
    case peer.family === 4 ? ipProtocolNumbers.icmp : ipProtocolNumbers.icmpv6:
      return 'icmp';
    default:
      return 'any';
  }
}
