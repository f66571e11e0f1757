import { NetlinkMessageWriter } from './message.ts';
import { nlmsgFlags } from './message-constants.ts';
import { bigEndian32, bigEndian64, encodeNfgenmsg } from './netfilter-message.ts';
import { formatNftScope, type NftExpression, type NftScope, nftMessageType } from './nftables.ts';
import {
  nftElementListAttributes,
  nftExpressionAttributes,
  nftListItemAttribute,
  nftMessages,
  nftRuleAttributes,
  nftRuleCompatAttributes,
  nftSetAttributes,
} from './nftables-constants.ts';
import {
  encodeNest,
  type NestableAttribute,
  rawAttribute,
  rawNest,
  writeRawAttributes,
} from './raw-attributes.ts';
import type { NetlinkRequest } from './socket.ts';

/** Size limit of the elements in one message, in bytes; a nest holds at most 65,535. */
const elementBytes = 32_768;

/** Protocol that xt expressions of a rule were made for, struct of NFTA_RULE_COMPAT. */
export interface NftRuleCompat {
  protocol: number;
  /** True if the rule is for any other protocol (NFT_RULE_COMPAT_F_INV). */
  inverted: boolean;
}

export interface NewNftRule extends NftScope {
  chain: string;
  expressions: readonly NftExpression[];
  userdata: Buffer;
  compat: NftRuleCompat | null;
}

export interface NftRuleRef extends NftScope {
  chain: string;
  handle: bigint;
}

export interface NftSetRef extends NftScope {
  name: string;
  /** Number that stands for a set made in the same transaction. */
  id?: number;
}

/** Builds a request for a transaction of nftables. */
export const nftChange = (
  operation: string,
  message: number,
  flags: number,
  family: number,
  attributes: readonly NestableAttribute[],
): NetlinkRequest => ({
  operation,
  type: nftMessageType(message),
  flags,
  encode: (writer) => {
    encodeNfgenmsg(writer, family);
    writeRawAttributes(writer, attributes);
  },
});

export const nftString = (type: number, value: string): NestableAttribute =>
  rawAttribute(type, Buffer.from(`${value}\0`));
export const nftInteger = (type: number, value: number): NestableAttribute =>
  rawAttribute(type, bigEndian32(value));

/** Adds a rule directly after another, or at the end of its chain. */
export const addNftRule = (rule: NewNftRule, after: bigint | null): NetlinkRequest =>
  nftChange(
    `add a rule to ${formatNftScope(rule)} ${rule.chain}${after === null ? '' : ` after handle ${after}`}`,
    nftMessages.newRule,
    nlmsgFlags.create | nlmsgFlags.append,
    rule.family,
    [
      ...ruleAttributes(rule),
      ...(after === null ? [] : [rawAttribute(nftRuleAttributes.position, bigEndian64(after))]),
    ],
  );

/** Replaces a rule in its place. The new rule gets a handle of its own. */
export const replaceNftRule = (rule: NewNftRule, handle: bigint): NetlinkRequest =>
  nftChange(
    `replace rule ${formatNftScope(rule)} ${rule.chain} handle ${handle}`,
    nftMessages.newRule,
    nlmsgFlags.replace,
    rule.family,
    [...ruleAttributes(rule), rawAttribute(nftRuleAttributes.handle, bigEndian64(handle))],
  );

export const deleteNftRule = (rule: NftRuleRef): NetlinkRequest =>
  nftChange(
    `delete rule ${formatNftScope(rule)} ${rule.chain} handle ${rule.handle}`,
    nftMessages.delRule,
    0,
    rule.family,
    [
      nftString(nftRuleAttributes.table, rule.table),
      nftString(nftRuleAttributes.chain, rule.chain),
      rawAttribute(nftRuleAttributes.handle, bigEndian64(rule.handle)),
    ],
  );

/** Makes a set. With the name `__set%d` the kernel numbers it, and changes of the transaction refer to it by its id. */
export const addNftSet = (
  set: NftSetRef & { id: number },
  attributes: readonly NestableAttribute[],
): NetlinkRequest =>
  nftChange(`add set ${formatNftScope(set)} ${set.name}`, nftMessages.newSet, nlmsgFlags.create, set.family, [
    nftString(nftSetAttributes.table, set.table),
    nftString(nftSetAttributes.name, set.name),
    nftInteger(nftSetAttributes.id, set.id),
    ...attributes,
  ]);

/** Adds or deletes elements of a set, each as its attributes, in as many messages as they need. */
export function changeNftElements(
  change: 'add' | 'delete',
  set: NftSetRef,
  elements: readonly (readonly NestableAttribute[])[],
): NetlinkRequest[] {
  const requests: NetlinkRequest[] = [];
  let list = new NetlinkMessageWriter(4096);
  const flush = (): void => {
    if (list.length === 0) return;
    const value = Buffer.from(list.buffer.subarray(0, list.length));
    requests.push(
      nftChange(
        `${change} elements of set ${formatNftScope(set)} ${set.name}`,
        change === 'add' ? nftMessages.newSetElement : nftMessages.delSetElement,
        change === 'add' ? nlmsgFlags.create : 0,
        set.family,
        [
          nftString(nftElementListAttributes.table, set.table),
          nftString(nftElementListAttributes.set, set.name),
          ...(set.id === undefined ? [] : [nftInteger(nftElementListAttributes.setId, set.id)]),
          { type: nftElementListAttributes.elements, nested: true, value },
        ],
      ),
    );
    list = new NetlinkMessageWriter(4096);
  };
  for (const element of elements) {
    writeRawAttributes(list, [rawNest(nftListItemAttribute, element)]);
    if (list.length >= elementBytes) flush();
  }
  flush();
  return requests;
}

export const encodeNftExpressions = (expressions: readonly NftExpression[]): Buffer =>
  encodeNest(
    expressions.map(({ name, data }) =>
      rawNest(nftListItemAttribute, [
        nftString(nftExpressionAttributes.name, name),
        ...(data === null ? [] : [rawNest(nftExpressionAttributes.data, data)]),
      ]),
    ),
  );

const ruleAttributes = (rule: NewNftRule): NestableAttribute[] => [
  nftString(nftRuleAttributes.table, rule.table),
  nftString(nftRuleAttributes.chain, rule.chain),
  { type: nftRuleAttributes.expressions, nested: true, value: encodeNftExpressions(rule.expressions) },
  ...(rule.compat === null
    ? []
    : [
        rawNest(nftRuleAttributes.compat, [
          nftInteger(nftRuleCompatAttributes.protocol, rule.compat.protocol),
          nftInteger(nftRuleCompatAttributes.flags, rule.compat.inverted ? 2 : 0),
        ]),
      ]),
  ...(rule.userdata.length === 0 ? [] : [rawAttribute(nftRuleAttributes.userdata, rule.userdata)]),
];
