import { bigEndian16, bigEndian32 } from './netfilter-message.ts';
import type { NftExpression } from './nftables.ts';
import { nftDataAttributes } from './nftables-constants.ts';
import { findRaw, rawAttribute, rawNest, readNest } from './raw-attributes.ts';

/** Attributes of expressions, <linux/netfilter/nf_tables.h>, by the expression's name. */
export const nftMetaAttributes = { destination: 1, key: 2, source: 3 } as const;
export const nftCmpAttributes = { source: 1, operator: 2, data: 3 } as const;
export const nftRangeAttributes = { source: 1, operator: 2, from: 3, to: 4 } as const;
export const nftLookupAttributes = { set: 1, source: 2, destination: 3, setId: 4, flags: 5 } as const;
export const nftImmediateAttributes = { destination: 1, data: 2 } as const;
export const nftPayloadAttributes = { destination: 1, base: 2, offset: 3, length: 4 } as const;
export const nftQueueAttributes = { number: 1 } as const;
/** Attributes of `target`, <linux/netfilter/nf_tables_compat.h>. */
const nftTargetAttributes = { name: 1, revision: 2, info: 3 } as const;
export const nftFibAttributes = { destination: 1, result: 2, flags: 3 } as const;

export const nftMetaKeys = {
  inputIndex: 4,
  outputIndex: 5,
  inputName: 6,
  outputName: 7,
  networkProtocol: 15,
  transportProtocol: 16,
  inputKind: 26,
  outputKind: 27,
  slaveIndex: 33,
  slaveName: 34,
} as const;
export const nftCmpOperators = {
  equal: 0,
  notEqual: 1,
  less: 2,
  lessOrEqual: 3,
  greater: 4,
  greaterOrEqual: 5,
} as const;
export const nftPayloadBases = { network: 1, transport: 2 } as const;
export const NFT_LOOKUP_F_INV = 1;

/** Destination and source register attributes of expressions that use registers. */
const registers: Readonly<Record<string, { destination?: number; sources?: readonly number[] }>> = {
  meta: { destination: 1, sources: [3] },
  cmp: { sources: [1] },
  range: { sources: [1] },
  lookup: { destination: 3, sources: [2] },
  immediate: { destination: 1 },
  payload: { destination: 1, sources: [5] },
  exthdr: { destination: 1, sources: [7] },
  bitwise: { destination: 2, sources: [1, 7] },
  byteorder: { destination: 2, sources: [1] },
  ct: { destination: 1, sources: [4] },
  dynset: { sources: [4, 5] },
  hash: { destination: 2, sources: [1] },
  fib: { destination: 1 },
  rt: { destination: 1 },
  socket: { destination: 2 },
  numgen: { destination: 1 },
  osf: { destination: 1 },
  xfrm: { destination: 1 },
  tunnel: { destination: 2 },
  objref: { sources: [3] },
  nat: { sources: [3, 4, 5, 6] },
  masq: { sources: [2, 3] },
  redir: { sources: [1, 2] },
  tproxy: { sources: [2, 3] },
  dup: { sources: [1, 2] },
  fwd: { sources: [1, 2] },
  queue: { sources: [4] },
};

/** Attributes that name a set and its id within a transaction, of the expressions that use a set. */
export const nftSetReferences: Readonly<Record<string, { name: number; id: number }>> = {
  lookup: { name: nftLookupAttributes.set, id: nftLookupAttributes.setId },
  dynset: { name: 1, id: 2 },
  objref: { name: 4, id: 5 },
};

export const nftExpressionBytes = ({ data }: NftExpression, type: number): Buffer | null =>
  data && findRaw(data, type);

/** Reads an integer attribute of an expression; null without it. */
export const nftExpressionInteger = (expression: NftExpression, type: number): number | null => {
  const value = nftExpressionBytes(expression, type);
  return value && value.length >= 4 ? value.readUInt32BE() : null;
};

/** Reads an attribute that is struct nft_data with a value; null for a verdict. */
export const nftExpressionValue = (expression: NftExpression, type: number): Buffer | null => {
  const value = nftExpressionBytes(expression, type);
  return value && findRaw(readNest(value), nftDataAttributes.value);
};

/** Returns the register that an expression writes, and those it reads. */
export function nftExpressionRegisters(expression: NftExpression): {
  destination: number | null;
  sources: number[];
} {
  const { destination, sources = [] } = registers[expression.name] ?? {};
  return {
    destination: destination === undefined ? null : nftExpressionInteger(expression, destination),
    sources: sources.flatMap((type) => nftExpressionInteger(expression, type) ?? []),
  };
}

/**
 * Converts a register number to its first word: registers 1 to 4 have 16 bytes, 8 to 23 are the same 64 bytes in words
 * of 4; the verdict register is before them.
 */
export const nftRegisterWord = (register: number): number => (register < 8 ? register * 4 : register - 4);

export const metaExpression = (key: number, register: number): NftExpression => ({
  name: 'meta',
  data: [
    rawAttribute(nftMetaAttributes.destination, bigEndian32(register)),
    rawAttribute(nftMetaAttributes.key, bigEndian32(key)),
  ],
});

export const cmpExpression = (
  register: number,
  operator: keyof typeof nftCmpOperators,
  value: Buffer,
): NftExpression => ({
  name: 'cmp',
  data: [
    rawAttribute(nftCmpAttributes.source, bigEndian32(register)),
    rawAttribute(nftCmpAttributes.operator, bigEndian32(nftCmpOperators[operator])),
    rawNest(nftCmpAttributes.data, [rawAttribute(nftDataAttributes.value, value)]),
  ],
});

/** Writes a value or verdict, given as the nest of struct nft_data, into a register. */
export const immediateExpression = (register: number, data: Buffer): NftExpression => ({
  name: 'immediate',
  data: [
    rawAttribute(nftImmediateAttributes.destination, bigEndian32(register)),
    { type: nftImmediateAttributes.data, nested: true, value: data },
  ],
});

/** Queues the packet for the socket that is bound to a queue (CONFIG_NFT_QUEUE); without one it is dropped. */
export const queueExpression = (queue: number): NftExpression => ({
  name: 'queue',
  data: [rawAttribute(nftQueueAttributes.number, bigEndian16(queue))],
});

/**
 * Queues the packet like `queueExpression`, by the target NFQUEUE of x_tables (CONFIG_NFT_COMPAT). Its revision 0 has
 * struct xt_NFQ_info, <linux/netfilter/xt_NFQUEUE.h>: u16 queue in the byte order of the machine; aligned to 8.
 */
export const queueTargetExpression = (queue: number): NftExpression => {
  const info = Buffer.alloc(8);
  info.writeUInt16LE(queue);
  return {
    name: 'target',
    data: [
      rawAttribute(nftTargetAttributes.name, Buffer.from('NFQUEUE\0')),
      rawAttribute(nftTargetAttributes.revision, bigEndian32(0)),
      rawAttribute(nftTargetAttributes.info, info),
    ],
  };
};

export const payloadExpression = (
  base: keyof typeof nftPayloadBases,
  offset: number,
  length: number,
  register: number,
): NftExpression => ({
  name: 'payload',
  data: [
    rawAttribute(nftPayloadAttributes.destination, bigEndian32(register)),
    rawAttribute(nftPayloadAttributes.base, bigEndian32(nftPayloadBases[base])),
    rawAttribute(nftPayloadAttributes.offset, bigEndian32(offset)),
    rawAttribute(nftPayloadAttributes.length, bigEndian32(length)),
  ],
});

/** Looks a key, from a register on, up in a set: the rule goes on if the set has it. */
export const lookupExpression = (set: string, register: number): NftExpression => ({
  name: 'lookup',
  data: [
    rawAttribute(nftLookupAttributes.set, Buffer.from(`${set}\0`)),
    rawAttribute(nftLookupAttributes.source, bigEndian32(register)),
  ],
});
