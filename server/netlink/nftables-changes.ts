import { NetlinkMessageWriter } from './message.ts';
import { nlmsgFlags } from './message-constants.ts';
import { bigEndian32, bigEndian64, encodeNfgenmsg } from './netfilter-message.ts';
import { formatNftScope, type NftExpression, type NftScope, nftMessageType } from './nftables.ts';
import {
  nftElementList,
  nftExpression,
  nftListItem,
  nftMessages,
  nftRule,
  nftRuleCompat,
  nftSet,
} from './nftables-constants.ts';
import {
  encodeNest,
  type RawAttribute,
  rawAttribute,
  rawNest,
  writeRawAttributes,
} from './raw-attributes.ts';
import type { NetlinkRequest } from './socket.ts';

/** Elements of one message; a nest holds at most 65,535 bytes. */
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
  attributes: readonly RawAttribute[],
): NetlinkRequest => ({
  operation,
  type: nftMessageType(message),
  flags,
  encode: (writer) => {
    encodeNfgenmsg(writer, family);
    writeRawAttributes(writer, attributes);
  },
});

export const nftString = (type: number, value: string): RawAttribute =>
  rawAttribute(type, Buffer.from(`${value}\0`));
export const nftInteger = (type: number, value: number): RawAttribute =>
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
      ...(after === null ? [] : [rawAttribute(nftRule.position, bigEndian64(after))]),
    ],
  );

/** Replaces a rule in its place. The new rule gets a handle of its own. */
export const replaceNftRule = (rule: NewNftRule, handle: bigint): NetlinkRequest =>
  nftChange(
    `replace rule ${formatNftScope(rule)} ${rule.chain} handle ${handle}`,
    nftMessages.newRule,
    nlmsgFlags.replace,
    rule.family,
    [...ruleAttributes(rule), rawAttribute(nftRule.handle, bigEndian64(handle))],
  );

export const deleteNftRule = (rule: NftRuleRef): NetlinkRequest =>
  nftChange(
    `delete rule ${formatNftScope(rule)} ${rule.chain} handle ${rule.handle}`,
    nftMessages.delRule,
    0,
    rule.family,
    [
      nftString(nftRule.table, rule.table),
      nftString(nftRule.chain, rule.chain),
      rawAttribute(nftRule.handle, bigEndian64(rule.handle)),
    ],
  );

/** Makes a set. With the name `__set%d` the kernel numbers it, and changes of the transaction refer to it by its id. */
export const addNftSet = (
  set: NftSetRef & { id: number },
  attributes: readonly RawAttribute[],
): NetlinkRequest =>
  nftChange(`add set ${formatNftScope(set)} ${set.name}`, nftMessages.newSet, nlmsgFlags.create, set.family, [
    nftString(nftSet.table, set.table),
    nftString(nftSet.name, set.name),
    nftInteger(nftSet.id, set.id),
    ...attributes,
  ]);

/** Adds or deletes elements of a set, each as its attributes, in as many messages as they need. */
export function changeNftElements(
  change: 'add' | 'delete',
  set: NftSetRef,
  elements: readonly (readonly RawAttribute[])[],
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
          nftString(nftElementList.table, set.table),
          nftString(nftElementList.set, set.name),
          ...(set.id === undefined ? [] : [nftInteger(nftElementList.setId, set.id)]),
          { type: nftElementList.elements, nested: true, value },
        ],
      ),
    );
    list = new NetlinkMessageWriter(4096);
  };
  for (const element of elements) {
    writeRawAttributes(list, [rawNest(nftListItem, element)]);
    if (list.length >= elementBytes) flush();
  }
  flush();
  return requests;
}

export const encodeNftExpressions = (expressions: readonly NftExpression[]): Buffer =>
  encodeNest(
    expressions.map(({ name, data }) =>
      rawNest(nftListItem, [
        nftString(nftExpression.name, name),
        ...(data === null ? [] : [rawNest(nftExpression.data, data)]),
      ]),
    ),
  );

const ruleAttributes = (rule: NewNftRule): RawAttribute[] => [
  nftString(nftRule.table, rule.table),
  nftString(nftRule.chain, rule.chain),
  { type: nftRule.expressions, nested: true, value: encodeNftExpressions(rule.expressions) },
  ...(rule.compat === null
    ? []
    : [
        rawNest(nftRule.compat, [
          nftInteger(nftRuleCompat.protocol, rule.compat.protocol),
          nftInteger(nftRuleCompat.flags, rule.compat.inverted ? 2 : 0),
        ]),
      ]),
  ...(rule.userdata.length === 0 ? [] : [rawAttribute(nftRule.userdata, rule.userdata)]),
];
