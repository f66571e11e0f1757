import { isIpv6Text } from '../../../contract/cidr.ts';
import type { PortMapping } from '../../../contract/cni-config.ts';
import { ipAddressToBytes } from '../../netlink/ip-address.ts';
import { nlmsgFlags } from '../../netlink/message-constants.ts';
import { bigEndian16, bigEndian32, netfilterFamilies } from '../../netlink/netfilter-message.ts';
import type { NftExpression } from '../../netlink/nftables.ts';
import { addNftRule, nftChange, nftInteger, nftString } from '../../netlink/nftables-changes.ts';
import {
  nftChainAttributes,
  nftDataAttributes,
  nftHookAttributes,
  nftMessages,
  nftTableAttributes,
  nftVerdictAttributes,
} from '../../netlink/nftables-constants.ts';
import {
  cmpExpression,
  immediateExpression,
  metaExpression,
  nftFibAttributes,
  nftMetaKeys,
  payloadExpression,
} from '../../netlink/nftables-expressions.ts';
import { encodeNest, rawAttribute, rawNest } from '../../netlink/raw-attributes.ts';
import type { NetlinkRequest } from '../../netlink/socket.ts';

/** Ports of the node that lead to one address of a pod. */
export interface MappedAddress {
  /** Without prefix length. */
  address: string;
  mappings: readonly PortMapping[];
}

const table = 'podlane_ports';
const family = netfilterFamilies.inet;
/** Chains of type nat by their hook, NF_INET_*, and priority, NF_IP_PRI_NAT_*, <linux/netfilter_ipv4.h>. */
const baseChains = {
  prerouting: { hook: 0, priority: -100 },
  output: { hook: 3, priority: -100 },
  postrouting: { hook: 4, priority: 100 },
} as const;
const mappingChain = 'ports';
const protocols = { tcp: 6, udp: 17, sctp: 132 } as const;
/** Registers of 16 bytes, NFT_REG_1 and NFT_REG_2; register 0 is the verdict. */
const register = { verdict: 0, first: 1, second: 2 } as const;
const NF_ACCEPT = 1;
const NFT_JUMP = -3;
const NFT_NAT_DNAT = 1;
const natAttributes = { type: 1, family: 2, address: 3, port: 5 } as const;
const NFT_FIB_RESULT_ADDRTYPE = 3;
const NFTA_FIB_F_DADDR = 2;
const RTN_LOCAL = 2;

const headers = {
  ipv4: { protocolFamily: netfilterFamilies.ip, source: 12, destination: 16, bytes: 4 },
  ipv6: { protocolFamily: netfilterFamilies.ip6, source: 8, destination: 24, bytes: 16 },
} as const;
const headerOf = (address: string) => headers[isIpv6Text(address) ? 'ipv6' : 'ipv4'];

/**
 * Builds the transaction that makes the node's table of port mappings anew; without mappings it is deleted. Connections that
 * are translated already go on, since conntrack has them.
 */
export function buildPortMappingTable(mapped: readonly MappedAddress[]): NetlinkRequest[] {
  const used = mapped.filter(({ mappings }) => mappings.length > 0);
  // Deleting needs a table that exists.
  const cleared = [addTable(), deleteTable()];
  if (used.length === 0) return cleared;
  return [
    ...cleared,
    addTable(),
    addChain(mappingChain),
    ...(Object.keys(baseChains) as (keyof typeof baseChains)[]).map(addBaseChain),
    addRule('prerouting', [...toThisNode(), jumpToMappings()]),
    // The kernel has no route from a loopback address to a pod.
    ...['127.0.0.1', '::1'].map((address) => addRule('output', [...toLoopback(address), accept()])),
    addRule('output', [...toThisNode(), jumpToMappings()]),
    ...used.flatMap(({ address, mappings }) => [
      ...mappings.flatMap((mapping) =>
        appliesTo(mapping, address)
          ? addRule(mappingChain, [...matchPort(mapping, address), ...translateTo(mapping, address)])
          : [],
      ),
      // A pod that reaches itself through the node would get answers from an address that it did not ask.
      addRule('postrouting', [...fromPodToItself(address), { name: 'masq', data: [] }]),
    ]),
  ];
}

/** Tells whether a mapping is for the family of an address: one without an address of the node is for both. */
export const appliesTo = ({ hostIP }: PortMapping, address: string): boolean =>
  hostIP === '' || isIpv6Text(hostIP) === isIpv6Text(address);

const isUnspecified = (address: string): boolean =>
  address === '' || address === '0.0.0.0' || address === '::';

/** Tells whether two mappings take the same packets. */
export const portMappingsOverlap = (a: PortMapping, b: PortMapping): boolean =>
  a.hostPort === b.hostPort &&
  a.protocol === b.protocol &&
  (a.hostIP === b.hostIP ||
    ((isUnspecified(a.hostIP) || isUnspecified(b.hostIP)) &&
      (a.hostIP === '' || b.hostIP === '' || isIpv6Text(a.hostIP) === isIpv6Text(b.hostIP))));

const addTable = (): NetlinkRequest =>
  nftChange(`add table inet ${table}`, nftMessages.newTable, nlmsgFlags.create, family, [
    nftString(nftTableAttributes.name, table),
  ]);

const deleteTable = (): NetlinkRequest =>
  nftChange(`delete table inet ${table}`, nftMessages.delTable, 0, family, [
    nftString(nftTableAttributes.name, table),
  ]);

const addChain = (name: string): NetlinkRequest =>
  nftChange(`add chain inet ${table} ${name}`, nftMessages.newChain, nlmsgFlags.create, family, [
    nftString(nftChainAttributes.table, table),
    nftString(nftChainAttributes.name, name),
  ]);

const addBaseChain = (name: keyof typeof baseChains): NetlinkRequest =>
  nftChange(`add chain inet ${table} ${name}`, nftMessages.newChain, nlmsgFlags.create, family, [
    nftString(nftChainAttributes.table, table),
    nftString(nftChainAttributes.name, name),
    rawNest(nftChainAttributes.hook, [
      nftInteger(nftHookAttributes.number, baseChains[name].hook),
      nftInteger(nftHookAttributes.priority, baseChains[name].priority),
    ]),
    nftInteger(nftChainAttributes.policy, NF_ACCEPT),
    nftString(nftChainAttributes.type, 'nat'),
  ]);

const addRule = (chain: string, expressions: readonly NftExpression[]): NetlinkRequest =>
  addNftRule({ family, table, chain, expressions, userdata: Buffer.alloc(0), compat: null }, null);

const isFamily = (protocolFamily: number): NftExpression[] => [
  metaExpression(nftMetaKeys.networkProtocol, register.first),
  cmpExpression(register.first, 'equal', Buffer.from([protocolFamily])),
];

/** `fib daddr type local` */
function toThisNode(): NftExpression[] {
  const type = Buffer.alloc(4);
  type.writeUInt32LE(RTN_LOCAL);
  return [
    {
      name: 'fib',
      data: [
        rawAttribute(nftFibAttributes.destination, bigEndian32(register.first)),
        rawAttribute(nftFibAttributes.result, bigEndian32(NFT_FIB_RESULT_ADDRTYPE)),
        rawAttribute(nftFibAttributes.flags, bigEndian32(NFTA_FIB_F_DADDR)),
      ],
    },
    cmpExpression(register.first, 'equal', type),
  ];
}

/** `ip daddr 127.0.0.0/8`, or `ip6 daddr ::1` */
function toLoopback(address: string): NftExpression[] {
  const { protocolFamily, destination, bytes } = headerOf(address);
  const length = bytes === 4 ? 1 : bytes;
  return [
    ...isFamily(protocolFamily),
    payloadExpression('network', destination, length, register.first),
    cmpExpression(register.first, 'equal', Buffer.from(ipAddressToBytes(address)).subarray(0, length)),
  ];
}

/** `ip daddr HOSTIP tcp dport PORT`, without the former if the mapping is for all addresses of the node */
function matchPort({ hostPort, protocol, hostIP }: PortMapping, address: string): NftExpression[] {
  const { protocolFamily, destination, bytes } = headerOf(address);
  return [
    ...isFamily(protocolFamily),
    ...(isUnspecified(hostIP)
      ? []
      : [
          payloadExpression('network', destination, bytes, register.first),
          cmpExpression(register.first, 'equal', Buffer.from(ipAddressToBytes(hostIP))),
        ]),
    metaExpression(nftMetaKeys.transportProtocol, register.first),
    cmpExpression(register.first, 'equal', Buffer.from([protocols[protocol]])),
    payloadExpression('transport', 2, 2, register.first),
    cmpExpression(register.first, 'equal', bigEndian16(hostPort)),
  ];
}

/** `dnat to ADDRESS:PORT` */
const translateTo = ({ containerPort }: PortMapping, address: string): NftExpression[] => [
  immediateValue(register.first, Buffer.from(ipAddressToBytes(address))),
  immediateValue(register.second, bigEndian16(containerPort)),
  {
    name: 'nat',
    data: [
      rawAttribute(natAttributes.type, bigEndian32(NFT_NAT_DNAT)),
      rawAttribute(natAttributes.family, bigEndian32(headerOf(address).protocolFamily)),
      rawAttribute(natAttributes.address, bigEndian32(register.first)),
      rawAttribute(natAttributes.port, bigEndian32(register.second)),
    ],
  },
];

/** `ip saddr ADDRESS ip daddr ADDRESS` */
function fromPodToItself(address: string): NftExpression[] {
  const { protocolFamily, source, destination, bytes } = headerOf(address);
  const value = Buffer.from(ipAddressToBytes(address));
  return [
    ...isFamily(protocolFamily),
    payloadExpression('network', source, bytes, register.first),
    cmpExpression(register.first, 'equal', value),
    payloadExpression('network', destination, bytes, register.first),
    cmpExpression(register.first, 'equal', value),
  ];
}

const immediateValue = (target: number, value: Buffer): NftExpression =>
  immediateExpression(target, encodeNest([rawAttribute(nftDataAttributes.value, value)]));

const jumpToMappings = (): NftExpression => verdict(NFT_JUMP, mappingChain);
const accept = (): NftExpression => verdict(NF_ACCEPT);

const verdict = (code: number, chain?: string): NftExpression =>
  immediateExpression(
    register.verdict,
    encodeNest([
      rawNest(nftDataAttributes.verdict, [
        rawAttribute(nftVerdictAttributes.code, bigEndian32(code)),
        ...(chain === undefined ? [] : [nftString(nftVerdictAttributes.chain, chain)]),
      ]),
    ]),
  );
