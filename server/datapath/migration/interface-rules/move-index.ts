import { nftElement, nftSetFlags } from '../../../netlink/nftables-constants.ts';
import {
  findRaw,
  type RawAttribute,
  rawAttribute,
  rawNest,
  readNest,
  withRaw,
} from '../../../netlink/raw-attributes.ts';
import type { NetlinkRequest } from '../../../netlink/socket.ts';
import type { AnonymousSetCopies } from './copy-sets.ts';
import type { DeviceUse } from './device-uses.ts';
import { type DeviceIdentity, encodeDevice } from './evaluate-uses.ts';
import type { Ruleset, TracedRule } from './read-ruleset.ts';
import { replaceComparedIndex } from './rewrite-rule.ts';
import { isAnonymousSet, isExtensibleSet, matchElements } from './set-content.ts';
import { writeRule } from './write-rule.ts';

/** Returns the uses in which a rule names a device by index: comparisons with it, and sets that hold it. */
function indexUses(ruleset: Ruleset, { rule, uses }: TracedRule, device: DeviceIdentity): DeviceUse[] {
  const value = encodeDevice('index', device);
  return uses.filter((use) => {
    if (use.load.by !== 'index') return false;
    if (use.kind === 'compare') return use.value.equals(value);
    if (use.kind !== 'lookup') return false;
    const content = ruleset.contentOf(rule, use.set);
    return content ? matchElements(content, value, use.offset).length > 0 : false;
  });
}

/** Says why a rule that names a device by its index cannot be rewritten for another index; null if it can. */
export function reasonIndexStays(
  ruleset: Ruleset,
  traced: TracedRule,
  device: DeviceIdentity,
): string | null {
  const named = indexUses(ruleset, traced, device);
  for (const use of traced.uses) {
    if (use.load.by !== 'index' || use.kind === 'other') continue;
    if (use.kind === 'derived' || use.kind === 'range') return 'matches a range of interface indexes';
    if (use.kind === 'compare' && use.operator > 1) return 'matches a range of interface indexes';
    if (use.kind !== 'lookup' || !named.includes(use)) continue;
    const content = ruleset.contentOf(traced.rule, use.set);
    if (content && content.set.flags & nftSetFlags.interval)
      return `matches a range of interface indexes in set ${use.set}`;
    if (content && !isAnonymousSet(content.set) && !isExtensibleSet(content))
      return `matches the interface's index in set ${use.set}, which cannot be changed`;
  }
  return null;
}

/** Builds the requests that make a rule name another index, for good. @returns none for a rule that names no index */
export function buildIndexMove(
  ruleset: Ruleset,
  traced: TracedRule,
  device: DeviceIdentity,
  other: DeviceIdentity,
  copies: AnonymousSetCopies,
): NetlinkRequest[] {
  const { rule, uses } = traced;
  const named = indexUses(ruleset, traced, device);
  const inRule = named.filter((use) => {
    const set = use.kind === 'lookup' ? ruleset.setNamed(rule, use.set) : undefined;
    return use.kind === 'compare' || (set !== undefined && isAnonymousSet(set));
  });
  if (inRule.length === 0 || reasonIndexStays(ruleset, traced, device) !== null) return [];
  const offsets = new Map(inRule.flatMap((use) => (use.kind === 'lookup' ? [[use.set, use.offset]] : [])));
  return writeRule(
    rule,
    replaceComparedIndex(rule.expressions, uses, device, other),
    copies,
    rule.userdata,
    'replace',
    (set, element) => {
      const offset = offsets.get(set.name);
      return offset === undefined
        ? element
        : replaceKeyPart(element, offset, encodeDevice('index', device), encodeDevice('index', other));
    },
  );
}

/** Replaces a part of an element's key, if it has the given value. */
export function replaceKeyPart(
  element: readonly RawAttribute[],
  offset: number,
  from: Buffer,
  to: Buffer,
): RawAttribute[] {
  const data = findRaw(element, nftElement.key);
  const key = data && readNest(data)[0];
  if (!key?.value.subarray(offset, offset + from.length).equals(from)) return [...element];
  const changed = Buffer.from(key.value);
  to.copy(changed, offset);
  return withRaw(element, rawNest(nftElement.key, [rawAttribute(key.type, changed)]));
}
