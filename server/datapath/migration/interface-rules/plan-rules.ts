import type { NftRule, NftSet } from '../../../netlink/nftables.ts';
import { nftDataAttributes, nftSetFlags, nftVerdictAttributes } from '../../../netlink/nftables-constants.ts';
import { nftExpressionInteger, nftLookupAttributes } from '../../../netlink/nftables-expressions.ts';
import { findRaw, readNest } from '../../../netlink/raw-attributes.ts';
import type { NetlinkRequest } from '../../../netlink/socket.ts';
import { type AnonymousSetCopies, anonymousSetsOf } from './copy-sets.ts';
import type { DeviceCondition, DeviceRole } from './device-conditions.ts';
import {
  encodeInterface,
  evaluateRole,
  type InterfaceNameAndIndex,
  type RoleOutcome,
} from './evaluate-conditions.ts';
import { type InterfaceReference, ownedText, rulePlace } from './interface-reference.ts';
import { reasonIndexStays, replaceKeyPart } from './move-index.ts';
import { catchAllElement, isAnonymousSet } from './nft-set-content.ts';
import type { AnalyzedRule, Ruleset } from './read-ruleset.ts';
import { immediateData, rewriteRule, usesNameAndIndex, withZeroCounters } from './rewrite-rule.ts';
import { markException, markTwin } from './twin-mark.ts';
import { findUnsupported } from './unsupported-expressions.ts';
import { writeRule } from './write-rule.ts';

const maxRoles = 3;

/** What a rule does with the pod's device and with the stand-in, in a role in which it treats them differently. */
interface RoleDifference {
  role: DeviceRole;
  device: RoleOutcome;
  /** Outcomes for the stand-in device: under its own name, and under the pod's once it was renamed. */
  others: RoleOutcome[];
}

/** A rule that refers to the pod's interface, and in which roles a twin or an exception is needed. */
export interface RulePlan {
  analyzed: AnalyzedRule;
  reference: InterfaceReference;
  twins: RoleDifference[];
  exceptions: DeviceRole[];
}

/**
 * Finds out what a rule needs for the stand-in device to be treated like the pod's; null for one that does not refer to
 * it.
 */
export function planRule(
  ruleset: Ruleset,
  analyzed: AnalyzedRule,
  device: InterfaceNameAndIndex,
  standInDevice: InterfaceNameAndIndex,
): RulePlan | null {
  const { rule, conditions } = analyzed;
  const place = rulePlace(rule);
  const impossible = (by: InterfaceReference['by'], text: string): RulePlan => ({
    analyzed,
    reference: { place, by, treatment: 'impossible', text },
    twins: [],
    exceptions: [],
  });
  const roles = [...new Set(conditions.map(({ load }) => load.role))];
  const outcomes = roles.map((role): RoleDifference => {
    const evaluate = (identity: InterfaceNameAndIndex): RoleOutcome =>
      evaluateRole(rule.expressions, conditions, role, identity, (set) => ruleset.contentOf(rule, set));
    return {
      role,
      device: evaluate(device),
      others: [
        evaluate(standInDevice),
        ...(usesNameAndIndex(conditions, role) ? [evaluate({ ...standInDevice, name: device.name })] : []),
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
          analyzed,
          reference: { place, by, treatment: 'none', text: `matches ${standInDevice.name} as well` },
          twins: [],
          exceptions: [],
        };
  const reason =
    unchangeable(ruleset, rule) ??
    (by === 'index' ? reasonIndexStays(ruleset, analyzed, device) : null) ??
    (different.length > maxRoles ? `refers to the interface in ${different.length} ways` : null) ??
    (different.some(({ role }) => role === 'route' && usesNameAndIndex(conditions, role))
      ? 'looks up a route by both name and index'
      : null);
  if (reason !== null) return impossible(by, reason);
  const twins = different.filter((each) => each.device.possible);
  const exceptions = different
    .filter((each) => each.others.some(({ possible }) => possible))
    .map(({ role }) => role);
  if (exceptions.length > 0 && markException(rule.userdata, device.name, standInDevice) === null)
    return impossible(by, 'has no room in its user data for a mark');
  const replaced = exceptions.length > 0 || by === 'index';
  return {
    analyzed,
    reference: {
      place,
      by,
      treatment: replaced ? 'replace' : 'twin',
      text: replaced
        ? `is replaced for the switch and afterwards, so that its handle changes${by === 'index' ? ' and it follows to the new index' : ''}`
        : `gets a twin for ${standInDevice.name}, which counts for itself, for the time of the switch`,
    },
    twins,
    exceptions,
  };
}

/** Tests whether conditions on the index select the pod's device, or treat the stand-in differently. */
const decidedByIndex = ({ device, others }: RoleDifference): boolean =>
  device.outcomes.some(
    (outcome, i) =>
      outcome.condition.load.by === 'index' &&
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
    const verdict = data && findRaw(readNest(data), nftDataAttributes.verdict);
    const chain = verdict && findRaw(readNest(verdict), nftVerdictAttributes.chain);
    return chain ? ruleset.isBindingChain(rule, chain.toString('utf8', 0, chain.length - 1)) : false;
  });
  return jumpsToBinding ? 'has an anonymous chain, which cannot be copied' : null;
}

/** Returns the anonymous sets that have to be read before the plan's requests are built. */
export const setsToCopy = (ruleset: Ruleset, { analyzed }: RulePlan): NftSet[] =>
  anonymousSetsOf(analyzed.rule.expressions, (name) => ruleset.setNamed(analyzed.rule, name));

/**
 * Builds the requests that add a rule's twins directly after it, and replace it where it has to except the stand-in
 * device.
 */
export function buildRuleRequests(
  ruleset: Ruleset,
  plan: RulePlan,
  device: InterfaceNameAndIndex,
  standInDevice: InterfaceNameAndIndex,
  copies: AnonymousSetCopies,
): NetlinkRequest[] {
  const { rule, loads, conditions } = plan.analyzed;
  const except = new Set(plan.exceptions);
  const twins = subsets(plan.twins).flatMap((standing) => {
    const substituted = standing.flatMap(({ role }) => substitutableLookups(ruleset, plan.analyzed, role));
    const expressions = rewriteRule(rule.expressions, loads, conditions, {
      device,
      standInDevice,
      standIn: new Set(standing.map(({ role }) => role)),
      except,
      outcomes: standing.flatMap((each) => each.device.outcomes),
      substituted,
    });
    const mark = markTwin(rule.userdata, device.name, `handle ${rule.handle}`);
    return writeRule(rule, withZeroCounters(expressions), copies, mark, 'after', (set, element) =>
      substituted
        .filter((condition) => condition.set === set.name)
        .reduce(
          (changed, { load: { by }, offset }) =>
            replaceKeyPart(changed, offset, encodeInterface(by, device), encodeInterface(by, standInDevice)),
          element,
        ),
    );
  });
  if (except.size === 0) return twins;
  const excepting = rewriteRule(rule.expressions, loads, conditions, {
    device,
    standInDevice,
    standIn: new Set(),
    except,
    outcomes: [],
    substituted: [],
  });
  const marked = markException(rule.userdata, device.name, standInDevice) ?? rule.userdata;
  // The rule's handle is gone once it is replaced, so that its twins come first.
  return [...twins, ...writeRule(rule, excepting, copies, marked, 'replace')];
}

/**
 * Returns the look-ups of a device and more in a set of the rule's own, where a copy of the set with the stand-in
 * device does what the register's override would, and reads well in `nft list`.
 */
function substitutableLookups(
  ruleset: Ruleset,
  { rule, conditions }: AnalyzedRule,
  role: DeviceRole,
): (DeviceCondition & { kind: 'lookup' })[] {
  if (usesNameAndIndex(conditions, role)) return [];
  return conditions.filter((condition): condition is DeviceCondition & { kind: 'lookup' } => {
    if (condition.kind !== 'lookup' || condition.load.role !== role || condition.whole) return false;
    const content = ruleset.contentOf(rule, condition.set);
    const expression = rule.expressions[condition.at];
    return (
      content !== undefined &&
      expression !== undefined &&
      isAnonymousSet(content.set) &&
      (content.set.flags & nftSetFlags.interval) === 0 &&
      catchAllElement(content) === null &&
      (nftExpressionInteger(expression, nftLookupAttributes.flags) ?? 0) === 0 &&
      conditions.filter(({ load }) => load === condition.load).length === 1
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
