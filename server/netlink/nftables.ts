import type { NetlinkMessageReader, NetlinkMessageWriter } from './message.ts';
import { encodeNfgenmsg, netfilterFamilies, netfilterSubsystems } from './netfilter-message.ts';
import { nfgenmsg } from './netlink-structs.ts';
import {
  nftChainAttributes,
  nftElementAttributes,
  nftElementListAttributes,
  nftExpressionAttributes,
  nftFlowtableAttributes,
  nftFlowtableHookAttributes,
  nftHookAttributes,
  nftListItemAttribute,
  nftMessages,
  nftRuleAttributes,
  nftSetAttributes,
  nftSetDescriptionAttributes,
  nftTableAttributes,
} from './nftables-constants.ts';
import { findRaw, type NestableAttribute, readNest, readRawAttributes } from './raw-attributes.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** Attributes NFTA_DEVICE_NAME and NFTA_DEVICE_PREFIX of a device that a chain or flowtable is bound to. */
const device = { name: 1, prefix: 2 } as const;
const NFTA_GEN_ID = 1;

/** Location of an nftables object: its family, such as `inet`, and its table. */
export interface NftScope {
  family: number;
  table: string;
}

export interface NftTable extends NftScope {
  flags: number;
}

export interface NftChain extends NftScope {
  name: string;
  /** Type of a base chain: `filter`, `nat` or `route`; empty for others. */
  type: string;
  flags: number;
  /** Names of the devices that the chain is bound to; one that ends in `*` stands for all that begin with it. */
  devices: string[];
}

/** An expression of a rule, with its attributes as bytes. */
export interface NftExpression {
  name: string;
  /** Attributes of NFTA_EXPR_DATA; null without that attribute. */
  data: NestableAttribute[] | null;
}

/** A rule. The kernel does not report NFTA_RULE_COMPAT, which xt expressions may need to be added again. */
export interface NftRule extends NftScope {
  chain: string;
  handle: bigint;
  expressions: NftExpression[];
  userdata: Buffer;
}

export interface NftSet extends NftScope {
  name: string;
  flags: number;
  /** Data type of the key as numbered by nft, 6 bits a field of a concatenation; informational. */
  keyType: number;
  /** Length of the key in bytes. */
  keyLength: number;
  /** Maximum number of elements; null if unlimited. */
  size: number | null;
  attributes: NestableAttribute[];
}

export interface NftElement {
  /** Key in bytes; null for the element that catches all. */
  key: Buffer | null;
  /** Last key of a range in a set of concatenations. */
  keyEnd: Buffer | null;
  flags: number;
  userdata: Buffer;
  attributes: NestableAttribute[];
}

export interface NftFlowtable extends NftScope {
  name: string;
  devices: string[];
}

/** Returns the type of a netlink message of nftables. */
export const nftMessageType = (operation: number): number => (netfilterSubsystems.nftables << 8) | operation;

const familyNames = new Map<number, string>(
  Object.entries(netfilterFamilies).map(([name, number]) => [number, name]),
);
export const formatNftScope = ({ family, table }: NftScope): string =>
  `${familyNames.get(family) ?? `family ${family}`} ${table}`;

const request = (
  operation: string,
  message: number,
  family = 0,
  encode: (message: NetlinkMessageWriter) => void = () => undefined,
): NetlinkRequest => ({
  operation,
  type: nftMessageType(message),
  encode: (writer) => {
    encodeNfgenmsg(writer, family);
    encode(writer);
  },
});

/** Reads the generation of the rule set, which every committed change increments. @throws NetlinkError */
export const getNftGeneration = (socket: NetlinkSocket): Promise<number> =>
  socket.get(request('read the generation of the nftables rule set', nftMessages.getGeneration), (message) =>
    integer(attributesOf(message), NFTA_GEN_ID),
  );

export const listNftTables = (socket: NetlinkSocket): Promise<NftTable[]> =>
  socket.dump(request('dump nftables tables', nftMessages.getTable), (message) => {
    const attributes = attributesOf(message);
    return {
      family: familyOf(message),
      table: text(attributes, nftTableAttributes.name),
      flags: integer(attributes, nftTableAttributes.flags),
    };
  });

export const listNftChains = (socket: NetlinkSocket): Promise<NftChain[]> =>
  socket.dump(request('dump nftables chains', nftMessages.getChain), parseNftChain);

export const listNftRules = (socket: NetlinkSocket): Promise<NftRule[]> =>
  socket.dump(request('dump nftables rules', nftMessages.getRule), parseNftRule);

export const listNftSets = (socket: NetlinkSocket): Promise<NftSet[]> =>
  socket.dump(request('dump nftables sets', nftMessages.getSet), parseNftSet);

export const listNftFlowtables = (socket: NetlinkSocket): Promise<NftFlowtable[]> =>
  socket.dump(request('dump nftables flowtables', nftMessages.getFlowtable), (message) => {
    const attributes = attributesOf(message);
    const hook = findRaw(attributes, nftFlowtableAttributes.hook);
    return {
      family: familyOf(message),
      table: text(attributes, nftFlowtableAttributes.table),
      name: text(attributes, nftFlowtableAttributes.name),
      devices: deviceNames(hook && findRaw(readNest(hook), nftFlowtableHookAttributes.devices)),
    };
  });

/** Lists the elements of a set; the kernel sends many in one message. @throws NetlinkError ENOENT without the set */
export const listNftElements = async (
  socket: NetlinkSocket,
  { family, table, name }: NftScope & { name: string },
): Promise<NftElement[]> => {
  const messages = await socket.dump(
    request(`dump elements of nftables set ${name}`, nftMessages.getSetElement, family, (message) => {
      message.attributeString(nftElementListAttributes.table, table);
      message.attributeString(nftElementListAttributes.set, name);
    }),
    (message) => findRaw(attributesOf(message), nftElementListAttributes.elements),
  );
  return messages.flatMap((list) => readNest(list).map(({ value }) => parseNftElement(readNest(value))));
};

export function parseNftChain(message: NetlinkMessageReader): NftChain {
  const attributes = attributesOf(message);
  const hook = findRaw(attributes, nftChainAttributes.hook);
  const inside = hook ? readNest(hook) : [];
  const single = findRaw(inside, nftHookAttributes.device);
  const several = deviceNames(findRaw(inside, nftHookAttributes.devices));
  return {
    family: familyOf(message),
    table: text(attributes, nftChainAttributes.table),
    name: text(attributes, nftChainAttributes.name),
    type: text(attributes, nftChainAttributes.type),
    flags: integer(attributes, nftChainAttributes.flags),
    devices: several.length > 0 || !single ? several : [decode(single)],
  };
}

/** Parses NFT_MSG_NEWRULE. @throws MalformedNetlinkMessage */
export function parseNftRule(message: NetlinkMessageReader): NftRule {
  const attributes = attributesOf(message);
  const list = findRaw(attributes, nftRuleAttributes.expressions);
  return {
    family: familyOf(message),
    table: text(attributes, nftRuleAttributes.table),
    chain: text(attributes, nftRuleAttributes.chain),
    handle: findRaw(attributes, nftRuleAttributes.handle)?.readBigUInt64BE() ?? 0n,
    expressions: list
      ? readNest(list)
          .filter(({ type }) => type === nftListItemAttribute)
          .map(({ value }) => parseExpression(readNest(value)))
      : [],
    userdata: findRaw(attributes, nftRuleAttributes.userdata) ?? Buffer.alloc(0),
  };
}

function parseExpression(attributes: readonly NestableAttribute[]): NftExpression {
  const data = findRaw(attributes, nftExpressionAttributes.data);
  return { name: text(attributes, nftExpressionAttributes.name), data: data && readNest(data) };
}

/** Parses NFT_MSG_NEWSET. @throws MalformedNetlinkMessage */
export function parseNftSet(message: NetlinkMessageReader): NftSet {
  const attributes = attributesOf(message);
  const description = findRaw(attributes, nftSetAttributes.description);
  const size = description && findRaw(readNest(description), nftSetDescriptionAttributes.size);
  return {
    family: familyOf(message),
    table: text(attributes, nftSetAttributes.table),
    name: text(attributes, nftSetAttributes.name),
    flags: integer(attributes, nftSetAttributes.flags),
    keyType: integer(attributes, nftSetAttributes.keyType),
    keyLength: integer(attributes, nftSetAttributes.keyLength),
    size: size ? size.readUInt32BE() : null,
    attributes,
  };
}

function parseNftElement(attributes: NestableAttribute[]): NftElement {
  const value = (type: number): Buffer | null => {
    const data = findRaw(attributes, type);
    return data && (readNest(data)[0]?.value ?? null);
  };
  return {
    key: value(nftElementAttributes.key),
    keyEnd: value(nftElementAttributes.keyEnd),
    flags: integer(attributes, nftElementAttributes.flags),
    userdata: findRaw(attributes, nftElementAttributes.userdata) ?? Buffer.alloc(0),
    attributes,
  };
}

const deviceNames = (list: Buffer | null): string[] =>
  list
    ? readNest(list).map(({ type, value }) => (type === device.prefix ? `${decode(value)}*` : decode(value)))
    : [];

const attributesOf = (message: NetlinkMessageReader): NestableAttribute[] =>
  readRawAttributes(message.attributes(nfgenmsg.bytes));
const familyOf = (message: NetlinkMessageReader): number =>
  message.buffer.readUInt8(message.start + nfgenmsg.nfgen_family);
const integer = (attributes: readonly NestableAttribute[], type: number): number => {
  const value = findRaw(attributes, type);
  return value && value.length >= 4 ? value.readUInt32BE() : 0;
};
const decode = (value: Buffer): string => {
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end < 0 ? value.length : end);
};
const text = (attributes: readonly NestableAttribute[], type: number): string => {
  const value = findRaw(attributes, type);
  return value ? decode(value) : '';
};
