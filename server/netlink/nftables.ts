import type { NetlinkMessageReader, NetlinkMessageWriter } from './message.ts';
import { encodeNfgenmsg, netfilterFamilies, netfilterSubsystems } from './netfilter-message.ts';
import { nfgenmsg } from './netlink-structs.ts';
import {
  nftChain,
  nftElement,
  nftElementList,
  nftExpression,
  nftFlowtable,
  nftFlowtableHook,
  nftHook,
  nftListItem,
  nftMessages,
  nftRule,
  nftSet,
  nftSetDescription,
  nftTable,
} from './nftables-constants.ts';
import { findRaw, type RawAttribute, readNest, readRawAttributes } from './raw-attributes.ts';
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
  flags: number;
  /** Names of the devices that the chain is bound to; one that ends in `*` stands for all that begin with it. */
  devices: string[];
}

/** An expression of a rule, with its attributes as bytes. */
export interface NftExpression {
  name: string;
  /** Attributes of NFTA_EXPR_DATA; null without that attribute. */
  data: RawAttribute[] | null;
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
  attributes: RawAttribute[];
}

export interface NftElement {
  /** Key in bytes; null for the element that catches all. */
  key: Buffer | null;
  /** Last key of a range in a set of concatenations. */
  keyEnd: Buffer | null;
  flags: number;
  userdata: Buffer;
  attributes: RawAttribute[];
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
      table: text(attributes, nftTable.name),
      flags: integer(attributes, nftTable.flags),
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
    const hook = findRaw(attributes, nftFlowtable.hook);
    return {
      family: familyOf(message),
      table: text(attributes, nftFlowtable.table),
      name: text(attributes, nftFlowtable.name),
      devices: deviceNames(hook && findRaw(readNest(hook), nftFlowtableHook.devices)),
    };
  });

/** Lists the elements of a set; the kernel sends many in one message. @throws NetlinkError ENOENT without the set */
export const listNftElements = async (
  socket: NetlinkSocket,
  { family, table, name }: NftScope & { name: string },
): Promise<NftElement[]> => {
  const messages = await socket.dump(
    request(`dump elements of nftables set ${name}`, nftMessages.getSetElement, family, (message) => {
      message.attributeString(nftElementList.table, table);
      message.attributeString(nftElementList.set, name);
    }),
    (message) => findRaw(attributesOf(message), nftElementList.elements),
  );
  return messages.flatMap((list) => readNest(list).map(({ value }) => parseNftElement(readNest(value))));
};

export function parseNftChain(message: NetlinkMessageReader): NftChain {
  const attributes = attributesOf(message);
  const hook = findRaw(attributes, nftChain.hook);
  const inside = hook ? readNest(hook) : [];
  const single = findRaw(inside, nftHook.device);
  const several = deviceNames(findRaw(inside, nftHook.devices));
  return {
    family: familyOf(message),
    table: text(attributes, nftChain.table),
    name: text(attributes, nftChain.name),
    flags: integer(attributes, nftChain.flags),
    devices: several.length > 0 || !single ? several : [decode(single)],
  };
}

/** Parses NFT_MSG_NEWRULE. @throws MalformedNetlinkMessage */
export function parseNftRule(message: NetlinkMessageReader): NftRule {
  const attributes = attributesOf(message);
  const list = findRaw(attributes, nftRule.expressions);
  return {
    family: familyOf(message),
    table: text(attributes, nftRule.table),
    chain: text(attributes, nftRule.chain),
    handle: findRaw(attributes, nftRule.handle)?.readBigUInt64BE() ?? 0n,
    expressions: list
      ? readNest(list)
          .filter(({ type }) => type === nftListItem)
          .map(({ value }) => parseExpression(readNest(value)))
      : [],
    userdata: findRaw(attributes, nftRule.userdata) ?? Buffer.alloc(0),
  };
}

function parseExpression(attributes: readonly RawAttribute[]): NftExpression {
  const data = findRaw(attributes, nftExpression.data);
  return { name: text(attributes, nftExpression.name), data: data && readNest(data) };
}

/** Parses NFT_MSG_NEWSET. @throws MalformedNetlinkMessage */
export function parseNftSet(message: NetlinkMessageReader): NftSet {
  const attributes = attributesOf(message);
  const description = findRaw(attributes, nftSet.description);
  const size = description && findRaw(readNest(description), nftSetDescription.size);
  return {
    family: familyOf(message),
    table: text(attributes, nftSet.table),
    name: text(attributes, nftSet.name),
    flags: integer(attributes, nftSet.flags),
    keyType: integer(attributes, nftSet.keyType),
    keyLength: integer(attributes, nftSet.keyLength),
    size: size ? size.readUInt32BE() : null,
    attributes,
  };
}

function parseNftElement(attributes: RawAttribute[]): NftElement {
  const value = (type: number): Buffer | null => {
    const data = findRaw(attributes, type);
    return data && (readNest(data)[0]?.value ?? null);
  };
  return {
    key: value(nftElement.key),
    keyEnd: value(nftElement.keyEnd),
    flags: integer(attributes, nftElement.flags),
    userdata: findRaw(attributes, nftElement.userdata) ?? Buffer.alloc(0),
    attributes,
  };
}

const deviceNames = (list: Buffer | null): string[] =>
  list
    ? readNest(list).map(({ type, value }) => (type === device.prefix ? `${decode(value)}*` : decode(value)))
    : [];

const attributesOf = (message: NetlinkMessageReader): RawAttribute[] =>
  readRawAttributes(message.attributes(nfgenmsg.bytes));
const familyOf = (message: NetlinkMessageReader): number =>
  message.buffer.readUInt8(message.start + nfgenmsg.nfgen_family);
const integer = (attributes: readonly RawAttribute[], type: number): number => {
  const value = findRaw(attributes, type);
  return value && value.length >= 4 ? value.readUInt32BE() : 0;
};
const decode = (value: Buffer): string => {
  const end = value.indexOf(0);
  return value.toString('utf8', 0, end < 0 ? value.length : end);
};
const text = (attributes: readonly RawAttribute[], type: number): string => {
  const value = findRaw(attributes, type);
  return value ? decode(value) : '';
};
