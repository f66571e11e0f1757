/** Message types and attributes of nftables, <linux/netfilter/nf_tables.h>. Integers are big endian. */
export const nftMessages = {
  newTable: 0,
  getTable: 1,
  delTable: 2,
  newChain: 3,
  getChain: 4,
  newRule: 6,
  getRule: 7,
  delRule: 8,
  newSet: 9,
  getSet: 10,
  newSetElement: 12,
  getSetElement: 13,
  delSetElement: 14,
  newGeneration: 15,
  getGeneration: 16,
  getFlowtable: 23,
} as const;

export const nftTableAttributes = { name: 1, flags: 2, userdata: 6 } as const;
export const nftChainAttributes = {
  table: 1,
  handle: 2,
  name: 3,
  hook: 4,
  policy: 5,
  type: 7,
  flags: 10,
} as const;
export const nftHookAttributes = { number: 1, priority: 2, device: 3, devices: 4 } as const;
export const nftRuleAttributes = {
  table: 1,
  chain: 2,
  handle: 3,
  expressions: 4,
  compat: 5,
  position: 6,
  userdata: 7,
} as const;
export const nftRuleCompatAttributes = { protocol: 1, flags: 2 } as const;
export const nftSetAttributes = {
  table: 1,
  name: 2,
  flags: 3,
  keyType: 4,
  keyLength: 5,
  dataType: 6,
  dataLength: 7,
  description: 9,
  id: 10,
  timeout: 11,
} as const;
export const nftSetDescriptionAttributes = { size: 1, concatenation: 2 } as const;
export const nftElementListAttributes = { table: 1, set: 2, elements: 3, setId: 4 } as const;
export const nftElementAttributes = {
  key: 1,
  data: 2,
  flags: 3,
  timeout: 4,
  userdata: 6,
  expression: 7,
  objectReference: 9,
  keyEnd: 10,
  expressions: 11,
} as const;
export const nftFlowtableAttributes = { table: 1, name: 2, hook: 3 } as const;
export const nftFlowtableHookAttributes = { devices: 3 } as const;
/** Attribute NFTA_LIST_ELEM of an item in a list. */
export const nftListItemAttribute = 1;
export const nftExpressionAttributes = { name: 1, data: 2 } as const;
export const nftDataAttributes = { value: 1, verdict: 2 } as const;
export const nftVerdictAttributes = { code: 1, chain: 2 } as const;

export const nftTableFlags = { owner: 2 } as const;
export const nftChainFlags = { base: 1, binding: 4 } as const;
export const nftSetFlags = {
  anonymous: 0x1,
  constant: 0x2,
  interval: 0x4,
  timeout: 0x10,
  concatenation: 0x80,
} as const;
export const nftElementFlags = { intervalEnd: 1, catchAll: 2 } as const;
