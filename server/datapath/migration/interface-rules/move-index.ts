import { nftElementAttributes, nftSetFlags } from '../../../netlink/nftables-constants.ts';
import {
  findRaw,
  type NestableAttribute,
  rawAttribute,
  rawNest,
  readNest,
  withRaw,
} from '../../../netlink/raw-attributes.ts';
import type { NetlinkRequest } from '../../../netlink/socket.ts';
import type { AnonymousSetCopies } from './copy-sets.ts';
import type { DeviceCondition } from './device-conditions.ts';
import { encodeInterface, type InterfaceNameAndIndex } from './evaluate-conditions.ts';
import { isAnonymousSet, isExtensibleSet, matchElements } from './nft-set-content.ts';
import type { AnalyzedRule, Ruleset } from './read-ruleset.ts';
import { replaceComparedIndex } from './rewrite-rule.ts';
import { writeRule } from './write-rule.ts';

/** Returns the conditions in which a rule names a device by index: comparisons with it, and sets that hold it. */
function listIndexConditions(
  ruleset: Ruleset,
  { rule, conditions }: AnalyzedRule,
  device: InterfaceNameAndIndex,
): DeviceCondition[] {
  const value = encodeInterface('index', device);
  return conditions.filter((condition) => {
    if (condition.load.by !== 'index') return false;
    if (condition.kind === 'compare') return condition.value.equals(value);
    if (condition.kind !== 'lookup') return false;
    const content = ruleset.contentOf(rule, condition.set);
    return content ? matchElements(content, value, condition.offset).length > 0 : false;
  });
}

/** Says why a rule that names a device by its index cannot be rewritten for another index; null if it can. */
export function reasonIndexStays(
  ruleset: Ruleset,
  analyzed: AnalyzedRule,
  device: InterfaceNameAndIndex,
): string | null {
  const named = listIndexConditions(ruleset, analyzed, device);
  for (const condition of analyzed.conditions) {
    if (condition.load.by !== 'index' || condition.kind === 'other') continue;
    if (condition.kind === 'derived' || condition.kind === 'range')
      return 'matches a range of interface indexes';
    if (condition.kind === 'compare' && condition.operator > 1) return 'matches a range of interface indexes';
    if (condition.kind !== 'lookup' || !named.includes(condition)) continue;
    const content = ruleset.contentOf(analyzed.rule, condition.set);
    if (content && content.set.flags & nftSetFlags.interval)
      return `matches a range of interface indexes in set ${condition.set}`;
    if (content && !isAnonymousSet(content.set) && !isExtensibleSet(content))
      return `matches the interface's index in set ${condition.set}, which cannot be changed`;
  }
  return null;
}

/** Builds the requests that make a rule name another index, for good. @returns none for a rule that names no index */
export function buildIndexMove(
  ruleset: Ruleset,
  analyzed: AnalyzedRule,
  device: InterfaceNameAndIndex,
  standInDevice: InterfaceNameAndIndex,
  copies: AnonymousSetCopies,
): NetlinkRequest[] {
  const { rule, conditions } = analyzed;
  const named = listIndexConditions(ruleset, analyzed, device);
  const inRule = named.filter((condition) => {
    const set = condition.kind === 'lookup' ? ruleset.setNamed(rule, condition.set) : undefined;
    return condition.kind === 'compare' || (set !== undefined && isAnonymousSet(set));
  });
  if (inRule.length === 0 || reasonIndexStays(ruleset, analyzed, device) !== null) return [];
  const offsets = new Map(
    inRule.flatMap((condition) => (condition.kind === 'lookup' ? [[condition.set, condition.offset]] : [])),
  );
  return writeRule(
    rule,
    replaceComparedIndex(rule.expressions, conditions, device, standInDevice),
    copies,
    rule.userdata,
    'replace',
    (set, element) => {
      const offset = offsets.get(set.name);
      return offset === undefined
        ? element
        : replaceKeyPart(
            element,
            offset,
            encodeInterface('index', device),
            encodeInterface('index', standInDevice),
          );
    },
  );
}

/** Replaces a part of an element's key, if it has the given value. */
export function replaceKeyPart(
  element: readonly NestableAttribute[],
  offset: number,
  from: Buffer,
  to: Buffer,
): NestableAttribute[] {
  const data = findRaw(element, nftElementAttributes.key);
  const key = data && readNest(data)[0];
  if (!key?.value.subarray(offset, offset + from.length).equals(from)) return [...element];
  const changed = Buffer.from(key.value);
  to.copy(changed, offset);
  return withRaw(element, rawNest(nftElementAttributes.key, [rawAttribute(key.type, changed)]));
}
