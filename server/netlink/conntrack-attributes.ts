/** Messages IPCTNL_MSG_CT_*, <linux/netfilter/nfnetlink_conntrack.h>. */
export const conntrackMessages = { new: 0, get: 1, delete: 2 } as const;

/** Attributes CTA_* of a conntrack entry, <linux/netfilter/nfnetlink_conntrack.h>. */
export const cta = {
  tupleOriginal: 1,
  tupleReply: 2,
  status: 3,
  protocolInfo: 4,
  help: 5,
  natSource: 6,
  timeout: 7,
  mark: 8,
  id: 12,
  natDestination: 13,
  tupleMaster: 14,
  sequenceAdjustOriginal: 15,
  sequenceAdjustReply: 16,
  zone: 18,
  securityContext: 19,
  labels: 22,
  synproxy: 24,
} as const;

/** Attributes CTA_TUPLE_* nested in a tuple. */
export const ctaTuple = { ip: 1, protocol: 2, zone: 3 } as const;
/** Attributes CTA_IP_*. */
export const ctaIp = { ipv4Source: 1, ipv4Destination: 2, ipv6Source: 3, ipv6Destination: 4 } as const;
/** Attributes CTA_PROTO_*. */
export const ctaProtocol = {
  number: 1,
  sourcePort: 2,
  destinationPort: 3,
  icmpId: 4,
  icmpType: 5,
  icmpCode: 6,
  icmpv6Id: 7,
  icmpv6Type: 8,
  icmpv6Code: 9,
} as const;
/** Attributes CTA_PROTOINFO_*, and CTA_PROTOINFO_TCP_* nested in the first. */
export const ctaProtocolInfo = { tcp: 1 } as const;
export const ctaProtocolInfoTcp = {
  state: 1,
  windowScaleOriginal: 2,
  windowScaleReply: 3,
  flagsOriginal: 4,
  flagsReply: 5,
} as const;
/** Attributes CTA_NAT_*, and CTA_PROTONAT_* nested in `protocol`. */
export const ctaNat = {
  ipv4Minimum: 1,
  ipv4Maximum: 2,
  protocol: 3,
  ipv6Minimum: 4,
  ipv6Maximum: 5,
} as const;
export const ctaProtocolNat = { minimum: 1, maximum: 2 } as const;
/** Attribute CTA_HELP_NAME nested in CTA_HELP. */
export const ctaHelp = { name: 1 } as const;

/** Status bits IPS_* of an entry, <linux/netfilter/nf_conntrack_common.h>. */
export const conntrackStatus = {
  expected: 0x1,
  sourceNat: 0x10,
  destinationNat: 0x20,
  /** Bit IPS_SRC_NAT_DONE: the rules for source NAT have seen the connection, whether or not they changed it. */
  sourceNatDone: 0x80,
  dying: 0x200,
  offload: 0x4000,
} as const;

/** Flags IP_CT_TCP_FLAG_* of one direction of a TCP connection, <linux/netfilter/nf_conntrack_tcp.h>. */
export const conntrackTcpFlags = {
  windowScale: 0x01,
  selectiveAcknowledgement: 0x02,
  closeInitiated: 0x04,
  beLiberal: 0x08,
  simultaneousOpen: 0x80,
} as const;
