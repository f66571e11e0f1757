import { type IpFamily, ipAddressToBytes } from '../../netlink/ip-address.ts';
import { nlmsgFlags } from '../../netlink/message-constants.ts';
import { bigEndian32, bigEndian64, netfilterFamilies } from '../../netlink/netfilter-message.ts';
import type { NftExpression } from '../../netlink/nftables.ts';
import {
  addNftRule,
  addNftSet,
  changeNftElements,
  nftChange,
  nftInteger,
  nftString,
} from '../../netlink/nftables-changes.ts';
import {
  nftChainAttributes,
  nftDataAttributes,
  nftElementAttributes,
  nftHookAttributes,
  nftMessages,
  nftSetAttributes,
  nftSetFlags,
  nftTableAttributes,
  nftTableFlags,
  nftVerdictAttributes,
} from '../../netlink/nftables-constants.ts';
import {
  cmpExpression,
  immediateExpression,
  lookupExpression,
  metaExpression,
  nftMetaKeys,
  payloadExpression,
  queueExpression,
  queueTargetExpression,
} from '../../netlink/nftables-expressions.ts';
import { encodeNest, rawAttribute, rawNest } from '../../netlink/raw-attributes.ts';
import type { NetlinkRequest } from '../../netlink/socket.ts';

/** Hooks NF_INET_PRE_ROUTING and NF_INET_LOCAL_OUT, <linux/netfilter.h>. */
const hooks = { prerouting: 0, output: 3 } as const;
/** Priority directly after the defragmentation of conntrack (-400), so that fragments have ports, and before conntrack (-200). */
const priority = -399;
/** Time after which the guard opens by itself, in milliseconds. */
export const guardTimeoutMs = 30_000;
/** IP protocols with ports: TCP, UDP, DCCP, SCTP, UDP-Lite. */
const protocolsWithPorts: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);
/** First register of 4 bytes, NFT_REG32_00. */
const firstRegister = 8;
/** Data types of nft for what a set lists: ipv4_addr, ipv6_addr, inet_proto, inet_service. */
const types = { ipv4: 7, ipv6: 8, protocol: 12, port: 13 } as const;
const NF_DROP = 0;
const NF_ACCEPT = 1;
/** Expressions that queue a packet, in order of preference; a kernel may lack either or both. */
const queueExpressions = { queue: queueExpression, target: queueTargetExpression } as const;
export const queueKinds = Object.keys(queueExpressions) as readonly QueueKind[];
export type QueueKind = keyof typeof queueExpressions;

/** Offsets of the addresses in the IP header, their length, and AF_INET or AF_INET6 as in `meta nfproto`. */
const headers = {
  ipv4: { source: 12, destination: 16, bytes: 4, protocolFamily: 2 },
  ipv6: { source: 8, destination: 24, bytes: 16, protocolFamily: 10 },
} as const;

/** Tuple of one direction of a connection. Ports are compared for TCP, UDP, UDP-Lite, SCTP and DCCP only. */
export interface ConnectionTuple {
  family: IpFamily;
  /** IP protocol number, such as 6 for TCP. */
  protocol: number;
  source: string;
  sourcePort: number;
  destination: string;
  destinationPort: number;
}

/** What becomes of the packets: they are dropped, or put into a queue. */
export type GuardVerdict = { kind: 'drop' } | { kind: QueueKind; queue: number };

/** Set of tuples of one address family, with or without ports. */
interface GuardSet {
  family: IpFamily;
  ports: boolean;
}

const guardSets: readonly GuardSet[] = [
  { family: 'ipv4', ports: true },
  { family: 'ipv4', ports: false },
  { family: 'ipv6', ports: true },
  { family: 'ipv6', ports: false },
];
const setName = ({ family, ports }: GuardSet): string => `${family}_${ports ? 'ports' : 'addresses'}`;

/** Builds the requests that make a table for the packets of tuples. @param owned false on kernels without owners */
export function buildConnectionGuardTable(
  table: string,
  tuples: readonly ConnectionTuple[],
  verdict: GuardVerdict,
  owned: boolean,
): NetlinkRequest[] {
  const family = netfilterFamilies.inet;
  const comment = Buffer.from('podlane: holds back connections whose conntrack entries are made anew\0');
  const used = guardSets
    .map((set) => ({ set, keys: tuples.filter((tuple) => belongsTo(tuple, set)).map(encodeKey) }))
    .filter(({ keys }) => keys.length > 0);
  return [
    nftChange(
      `add table inet ${table}`,
      nftMessages.newTable,
      nlmsgFlags.create | nlmsgFlags.exclusive,
      family,
      [
        nftString(nftTableAttributes.name, table),
        nftInteger(nftTableAttributes.flags, owned ? nftTableFlags.owner : 0),
        rawAttribute(nftTableAttributes.userdata, Buffer.concat([Buffer.from([0, comment.length]), comment])),
      ],
    ),
    ...used.flatMap(({ set, keys }, index) => [
      addNftSet({ family, table, name: setName(set), id: index + 1 }, [
        nftInteger(nftSetAttributes.flags, nftSetFlags.timeout),
        nftInteger(nftSetAttributes.keyType, keyType(set)),
        nftInteger(nftSetAttributes.keyLength, keys[0]?.length ?? 0),
        rawAttribute(nftSetAttributes.timeout, bigEndian64(BigInt(guardTimeoutMs))),
      ]),
      ...changeNftElements(
        'add',
        { family, table, name: setName(set) },
        keys.map((key) => [rawNest(nftElementAttributes.key, [rawAttribute(nftDataAttributes.value, key)])]),
      ),
    ]),
    ...(Object.keys(hooks) as (keyof typeof hooks)[]).flatMap((chain) => [
      addBaseChain(table, chain),
      ...used.map(({ set }) =>
        addNftRule(
          {
            family,
            table,
            chain,
            expressions: [...matchExpressions(set), verdictExpression(verdict)],
            userdata: Buffer.alloc(0),
            compat: null,
          },
          null,
        ),
      ),
    ]),
  ];
}

export const buildConnectionGuardDeletion = (table: string): NetlinkRequest =>
  nftChange(`delete table inet ${table}`, nftMessages.delTable, 0, netfilterFamilies.inet, [
    nftString(nftTableAttributes.name, table),
  ]);

const addBaseChain = (table: string, chain: keyof typeof hooks): NetlinkRequest =>
  nftChange(
    `add chain inet ${table} ${chain}`,
    nftMessages.newChain,
    nlmsgFlags.create,
    netfilterFamilies.inet,
    [
      nftString(nftChainAttributes.table, table),
      nftString(nftChainAttributes.name, chain),
      rawNest(nftChainAttributes.hook, [
        nftInteger(nftHookAttributes.number, hooks[chain]),
        nftInteger(nftHookAttributes.priority, priority),
      ]),
      nftInteger(nftChainAttributes.policy, NF_ACCEPT),
      nftString(nftChainAttributes.type, 'filter'),
    ],
  );

const belongsTo = ({ family, protocol }: ConnectionTuple, set: GuardSet): boolean =>
  set.family === family && set.ports === protocolsWithPorts.has(protocol);

/** Encodes source, destination, protocol and ports, each padded to 4 bytes, as the registers hold them. */
function encodeKey(tuple: ConnectionTuple): Buffer {
  const field = Buffer.alloc(12);
  field.writeUInt8(tuple.protocol, 0);
  field.writeUInt16BE(tuple.sourcePort, 4);
  field.writeUInt16BE(tuple.destinationPort, 8);
  return Buffer.concat([
    ipAddressToBytes(tuple.source),
    ipAddressToBytes(tuple.destination),
    protocolsWithPorts.has(tuple.protocol) ? field : field.subarray(0, 4),
  ]);
}

/** Packs the data types of a key, 6 bits each, for `nft list`. */
const keyType = ({ family, ports }: GuardSet): number =>
  [types[family], types[family], types.protocol, ...(ports ? [types.port, types.port] : [])].reduce(
    (packed, type) => (packed << 6) | type,
    0,
  );

/** `meta nfproto ipv4 ip saddr . ip daddr . meta l4proto . th sport . th dport @set` */
function matchExpressions(set: GuardSet): NftExpression[] {
  const { source, destination, bytes, protocolFamily } = headers[set.family];
  const words = bytes / 4;
  const protocolRegister = firstRegister + 2 * words;
  return [
    metaExpression(nftMetaKeys.networkProtocol, firstRegister),
    cmpExpression(firstRegister, 'equal', Buffer.from([protocolFamily])),
    payloadExpression('network', source, bytes, firstRegister),
    payloadExpression('network', destination, bytes, firstRegister + words),
    metaExpression(nftMetaKeys.transportProtocol, protocolRegister),
    ...(set.ports
      ? [
          payloadExpression('transport', 0, 2, protocolRegister + 1),
          payloadExpression('transport', 2, 2, protocolRegister + 2),
        ]
      : []),
    lookupExpression(setName(set), firstRegister),
  ];
}

function verdictExpression(verdict: GuardVerdict): NftExpression {
  if (verdict.kind !== 'drop') return queueExpressions[verdict.kind](verdict.queue);
  return immediateExpression(
    0,
    encodeNest([
      rawNest(nftDataAttributes.verdict, [rawAttribute(nftVerdictAttributes.code, bigEndian32(NF_DROP))]),
    ]),
  );
}

/** Builds requests that a kernel refuses if it cannot queue packets in this way; to be checked, not committed. */
export const buildQueueProbe = (table: string, kind: QueueKind): NetlinkRequest[] => {
  const family = netfilterFamilies.inet;
  const chain = 'probe';
  return [
    nftChange(`add table inet ${table}`, nftMessages.newTable, nlmsgFlags.create, family, [
      nftString(nftTableAttributes.name, table),
    ]),
    nftChange(`add chain inet ${table} ${chain}`, nftMessages.newChain, nlmsgFlags.create, family, [
      nftString(nftChainAttributes.table, table),
      nftString(nftChainAttributes.name, chain),
    ]),
    addNftRule(
      {
        family,
        table,
        chain,
        expressions: [queueExpressions[kind](1)],
        userdata: Buffer.alloc(0),
        compat: null,
      },
      null,
    ),
  ];
};
