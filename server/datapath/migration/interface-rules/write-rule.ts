import type { NftExpression, NftRule, NftSet } from '../../../netlink/nftables.ts';
import { addNftRule, replaceNftRule } from '../../../netlink/nftables-changes.ts';
import type { NestableAttribute } from '../../../netlink/raw-attributes.ts';
import type { NetlinkRequest } from '../../../netlink/socket.ts';
import type { AnonymousSetCopies } from './copy-sets.ts';
import { deriveRuleCompat } from './rewrite-rule.ts';

/**
 * Builds the requests that write changed expressions of a rule: in its place, or beside it, directly after. Anonymous
 * sets are copied.
 */
export function writeRule(
  rule: NftRule,
  expressions: readonly NftExpression[],
  copies: AnonymousSetCopies,
  userdata: Buffer,
  where: 'replace' | 'after',
  changeElement?: (set: NftSet, element: readonly NestableAttribute[]) => readonly NestableAttribute[],
): NetlinkRequest[] {
  const copied = copies.copyFor(rule, expressions, changeElement);
  const written = {
    family: rule.family,
    table: rule.table,
    chain: rule.chain,
    expressions: copied.expressions,
    userdata,
    compat: deriveRuleCompat(rule.expressions),
  };
  return [
    ...copied.requests,
    where === 'replace' ? replaceNftRule(written, rule.handle) : addNftRule(written, rule.handle),
  ];
}
