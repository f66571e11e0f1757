import type { NftRule, NftSet } from '../../../netlink/nftables.ts';
import { nftData, nftSetFlags, nftVerdict } from '../../../netlink/nftables-constants.ts';
import { nftExpressionInteger, nftLookup } from '../../../netlink/nftables-expressions.ts';
import { findRaw, readNest } from '../../../netlink/raw-attributes.ts';
import type { NetlinkRequest } from '../../../netlink/socket.ts';
import { type AnonymousSetCopies, anonymousSetsOf } from './copy-sets.ts';
import type { DeviceRole, DeviceUse } from './device-uses.ts';
import { type DeviceIdentity, encodeDevice, evaluateRole, type RoleOutcome } from './evaluate-uses.ts';
import { type InterfaceReference, ownedText, rulePlace } from './interface-reference.ts';
import { reasonIndexStays, replaceKeyPart } from './move-index.ts';
import type { Ruleset, TracedRule } from './read-ruleset.ts';
import { immediateData, resetCounters, rewriteRule, usesNameAndIndex } from './rewrite-rule.ts';
import { catchAllElement, isAnonymousSet } from './set-content.ts';
import { markException, markTwin } from './twin-mark.ts';
import { findUnsupported } from './unsupported-expressions.ts';
import { writeRule } from './write-rule.ts';

const maxRoles = 3;

/** What a rule does with the pod's device and with the other one, in a role in which it treats them differently. */
interface RoleDifference {
  role: DeviceRole;
  device: RoleOutcome;
  /** Outcomes for the other device: under its own name, and under the pod's once it was renamed. */
  others: RoleOutcome[];
}

/** A rule that refers to the pod's interface, and in which roles a twin or an exception is needed. */
export interface RulePlan {
  traced: TracedRule;
  reference: InterfaceReference;
  twins: RoleDifference[];
  exceptions: DeviceRole[];
}

/** Finds out what a rule needs for the other device to be treated like the pod's; null for one that does not refer to it. */
export function planRule(
  ruleset: Ruleset,
  traced: TracedRule,
  device: DeviceIdentity,
  other: DeviceIdentity,
): RulePlan | null {
  const { rule, uses } = traced;
  const place = rulePlace(rule);
  const impossible = (by: InterfaceReference['by'], text: string): RulePlan => ({
    traced,
    reference: { place, by, treatment: 'impossible', text },
    twins: [],
    exceptions: [],
  });
  const roles = [...new Set(uses.map(({ load }) => load.role))];
  const outcomes = roles.map((role): RoleDifference => {
    const evaluate = (identity: DeviceIdentity): RoleOutcome =>
      evaluateRole(rule.expressions, uses, role, identity, (set) => ruleset.contentOf(rule, set));
    return {
      role,
      device: evaluate(device),
      others: [
        evaluate(other),
        ...(usesNameAndIndex(uses, role) ? [evaluate({ ...other, name: device.name })] : []),
      ],
    };
  });
  const unsupported = findUnsupported(rule.expressions, device);
  if (unsupported) return impossible(unsupported.by, unsupported.reason);
  const different = outcomes.filter((each) =>
    each.others.some(({ signature }) => signature !== each.device.signature),
  );
  const selecting = outcomes.filter((each) => each.device.possible && each.device.outcomes.some(selects));
  const by = (different.length > 0 ? different : selecting).some(decidedByIndex) ? 'index' : 'name';
  if (different.length === 0)
    return selecting.length === 0
      ? null
      : {
          traced,
          reference: { place, by, treatment: 'none', text: `matches ${other.name} as well` },
          twins: [],
          exceptions: [],
        };
  const reason =
    unchangeable(ruleset, rule) ??
    (by === 'index' ? reasonIndexStays(ruleset, traced, device) : null) ??
    (different.length > maxRoles ? `refers to the interface in ${different.length} ways` : null) ??
    (different.some(({ role }) => role === 'route' && usesNameAndIndex(uses, role))
      ? 'looks up a route by both name and index'
      : null);
  if (reason !== null) return impossible(by, reason);
  const twins = different.filter((each) => each.device.possible);
  const exceptions = different
    .filter((each) => each.others.some(({ possible }) => possible))
    .map(({ role }) => role);
  if (exceptions.length > 0 && markException(rule.userdata, device.name, other) === null)
    return impossible(by, 'has no room in its user data for a mark');
  const replaced = exceptions.length > 0 || by === 'index';
  return {
    traced,
    reference: {
      place,
      by,
      treatment: replaced ? 'replace' : 'twin',
      text: replaced
        ? `is replaced for the switch and afterwards, so that its handle changes${by === 'index' ? ' and it follows to the new index' : ''}`
        : `gets a twin for ${other.name}, which counts for itself, for the time of the switch`,
    },
    twins,
    exceptions,
  };
}

/** Tests whether conditions on the index select the pod's device, or treat the other one differently. */
const decidedByIndex = ({ device, others }: RoleDifference): boolean =>
  device.outcomes.some(
    (outcome, i) =>
      outcome.use.load.by === 'index' &&
      (outcome.selects || others.some(({ outcomes }) => outcomes[i]?.signature !== outcome.signature)),
  );

const selects = ({ selects }: RoleOutcome['outcomes'][number]): boolean => selects;

/** Says why a rule cannot be doubled or replaced; null if it can. */
export function unchangeable(ruleset: Ruleset, rule: NftRule): string | null {
  if (ruleset.isOwned(rule)) return ownedText;
  if (ruleset.isBindingChain(rule, rule.chain))
    return 'is in an anonymous chain, to which no rule can be added';
  const jumpsToBinding = rule.expressions.some((expression) => {
    const data = immediateData(expression);
    const verdict = data && findRaw(readNest(data), nftData.verdict);
    const chain = verdict && findRaw(readNest(verdict), nftVerdict.chain);
    return chain ? ruleset.isBindingChain(rule, chain.toString('utf8', 0, chain.length - 1)) : false;
  });
  return jumpsToBinding ? 'has an anonymous chain, which cannot be copied' : null;
}

/** Returns the anonymous sets that have to be read before the plan's requests are built. */
export const setsToCopy = (ruleset: Ruleset, { traced }: RulePlan): NftSet[] =>
  anonymousSetsOf(traced.rule.expressions, (name) => ruleset.setNamed(traced.rule, name));

/** Builds the requests that add a rule's twins directly after it, and replace it where it has to except the other device. */
export function buildRuleRequests(
  ruleset: Ruleset,
  plan: RulePlan,
  device: DeviceIdentity,
  other: DeviceIdentity,
  copies: AnonymousSetCopies,
): NetlinkRequest[] {
  const { rule, loads, uses } = plan.traced;
  const except = new Set(plan.exceptions);
  const twins = subsets(plan.twins).flatMap((standing) => {
    const substituted = standing.flatMap(({ role }) => substitutableLookups(ruleset, plan.traced, role));
    const expressions = rewriteRule(rule.expressions, loads, uses, {
      device,
      other,
      standIn: new Set(standing.map(({ role }) => role)),
      except,
      outcomes: standing.flatMap((each) => each.device.outcomes),
      substituted,
    });
    const mark = markTwin(rule.userdata, device.name, `handle ${rule.handle}`);
    return writeRule(rule, resetCounters(expressions), copies, mark, 'after', (set, element) =>
      substituted
        .filter((use) => use.set === set.name)
        .reduce(
          (changed, { load: { by }, offset }) =>
            replaceKeyPart(changed, offset, encodeDevice(by, device), encodeDevice(by, other)),
          element,
        ),
    );
  });
  if (except.size === 0) return twins;
  const excepting = rewriteRule(rule.expressions, loads, uses, {
    device,
    other,
    standIn: new Set(),
    except,
    outcomes: [],
    substituted: [],
  });
  const marked = markException(rule.userdata, device.name, other) ?? rule.userdata;
  // The rule's handle is gone once it is replaced, so that its twins come first.
  return [...twins, ...writeRule(rule, excepting, copies, marked, 'replace')];
}

/**
 * Returns the look-ups of a device and more in a set of the rule's own, where a copy of the set with the other device
 * does what the register's override would, and reads well in `nft list`.
 */
function substitutableLookups(
  ruleset: Ruleset,
  { rule, uses }: TracedRule,
  role: DeviceRole,
): (DeviceUse & { kind: 'lookup' })[] {
  if (usesNameAndIndex(uses, role)) return [];
  return uses.filter((use): use is DeviceUse & { kind: 'lookup' } => {
    if (use.kind !== 'lookup' || use.load.role !== role || use.whole) return false;
    const content = ruleset.contentOf(rule, use.set);
    const expression = rule.expressions[use.at];
    return (
      content !== undefined &&
      expression !== undefined &&
      isAnonymousSet(content.set) &&
      (content.set.flags & nftSetFlags.interval) === 0 &&
      catchAllElement(content) === null &&
      (nftExpressionInteger(expression, nftLookup.flags) ?? 0) === 0 &&
      uses.filter(({ load }) => load === use.load).length === 1
    );
  });
}

/** Returns all subsets but the empty one. */
export function subsets<T>(all: readonly T[]): T[][] {
  const [first, ...others] = all;
  if (first === undefined) return [];
  const rest = subsets(others);
  return [[first], ...rest.map((each) => [first, ...each]), ...rest];
}
