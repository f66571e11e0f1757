import type { NftExpression } from '../../../netlink/nftables.ts';
import type { NftRuleCompat } from '../../../netlink/nftables-changes.ts';
import { nftDataAttributes } from '../../../netlink/nftables-constants.ts';
import {
  cmpExpression,
  immediateExpression,
  metaExpression,
  nftCmpAttributes,
  nftCmpOperators,
  nftExpressionBytes,
  nftExpressionInteger,
  nftExpressionValue,
  nftImmediateAttributes,
  nftLookupAttributes,
  nftMetaAttributes,
  nftMetaKeys,
  nftPayloadAttributes,
  nftPayloadBases,
} from '../../../netlink/nftables-expressions.ts';
import { encodeNest, rawAttribute, rawNest, withRaw } from '../../../netlink/raw-attributes.ts';
import {
  type DeviceCondition,
  type DeviceLoad,
  type DeviceRole,
  findDeviceConditions,
} from './device-conditions.ts';
import { type ConditionOutcome, encodeInterface, type InterfaceNameAndIndex } from './evaluate-conditions.ts';

const IPV4_PROTOCOL_OFFSET = 9;
const IPV6_NEXT_HEADER_OFFSET = 6;

/** How a rule is rewritten for the device that stands in for the pod's. */
export interface RuleRewriting {
  /** The pod's device, and the one that stands in for it. */
  device: InterfaceNameAndIndex;
  standInDevice: InterfaceNameAndIndex;
  /** Roles in which the rule is made to match the stand-in device as if it were the pod's. */
  standIn: ReadonlySet<DeviceRole>;
  /** Roles in which the rule is made not to match the stand-in device. */
  except: ReadonlySet<DeviceRole>;
  /** Outcomes of the conditions in the roles of `standIn` for the pod's device. */
  outcomes: readonly ConditionOutcome[];
  /** Look-ups in sets of the rule's own, in copies of which the stand-in device takes the place of the pod's. */
  substituted: readonly DeviceCondition[];
}

/**
 * Rewrites a rule for a stand-in device. After each load of the device, a comparison selects or excepts the stand-in.
 * Conditions that the device alone decides are dropped from a rule that selects; where others remain, the register gets
 * the value of the pod's device, so that everything behind, of any kind, works as for that.
 *
 * A rule that uses both name and index compares the index only, before the first load: the stand-in device has the name
 * of the pod's once it was renamed, and its own index.
 */
export function rewriteRule(
  expressions: readonly NftExpression[],
  loads: readonly DeviceLoad[],
  conditions: readonly DeviceCondition[],
  { device, standInDevice, standIn, except, outcomes, substituted }: RuleRewriting,
): NftExpression[] {
  const decided = new Map<number, NftExpression | null>();
  for (const outcome of outcomes) {
    const replacement = replaceDecided(expressions[outcome.condition.at], outcome);
    if (replacement !== undefined) decided.set(outcome.condition.at, replacement);
  }
  const overridden = new Set(
    conditions
      .filter(
        (condition) =>
          standIn.has(condition.load.role) && !decided.has(condition.at) && !substituted.includes(condition),
      )
      .map((condition) => condition.load),
  );
  return expressions.flatMap((expression, at) => {
    const load = loads.find((each) => each.at === at);
    if (load && (standIn.has(load.role) || except.has(load.role))) {
      const operator = standIn.has(load.role) ? 'equal' : 'notEqual';
      const constant = overridden.has(load) ? [loadConstant(load, device)] : [];
      if (!usesNameAndIndex(conditions, load.role))
        return [
          expression,
          cmpExpression(load.register, operator, encodeInterface(load.by, standInDevice)),
          ...constant,
        ];
      const isFirst = loads.find(({ role }) => role === load.role) === load;
      return [...(isFirst ? compareIndex(load, operator, standInDevice) : []), expression, ...constant];
    }
    const condition = conditions.find((each) => each.at === at);
    if (!condition || overridden.has(condition.load)) return [expression];
    const replacement = decided.get(at);
    return replacement === undefined ? [expression] : replacement === null ? [] : [replacement];
  });
}

/** Tests whether a rule has conditions on both the name and the index of the device in a role. */
export const usesNameAndIndex = (conditions: readonly DeviceCondition[], role: DeviceRole): boolean =>
  (['name', 'index'] as const).every((by) =>
    conditions.some(({ load, kind }) => load.role === role && load.by === by && kind !== 'other'),
  );

const indexKeys: Partial<Record<DeviceRole, number>> = {
  input: nftMetaKeys.inputIndex,
  output: nftMetaKeys.outputIndex,
  slave: nftMetaKeys.slaveIndex,
};

function compareIndex(
  load: DeviceLoad,
  operator: 'equal' | 'notEqual',
  standInDevice: InterfaceNameAndIndex,
): NftExpression[] {
  const key = indexKeys[load.role];
  if (key === undefined) throw new Error(`rule with name and index of a device by ${load.role}`);
  return [
    metaExpression(key, load.register),
    cmpExpression(load.register, operator, encodeInterface('index', standInDevice)),
  ];
}

const loadConstant = (load: DeviceLoad, device: InterfaceNameAndIndex): NftExpression =>
  immediateExpression(
    load.register,
    encodeNest([rawAttribute(nftDataAttributes.value, encodeInterface(load.by, device))]),
  );

/** Returns null for a condition that holds, a constant for a map, and undefined where more than the device decides. */
function replaceDecided(
  expression: NftExpression | undefined,
  { holds, data, condition }: ConditionOutcome,
): NftExpression | null | undefined {
  if (holds !== true || !expression) return undefined;
  const destination =
    condition.kind === 'lookup' ? nftExpressionInteger(expression, nftLookupAttributes.destination) : null;
  if (destination === null) return null;
  return data ? immediateExpression(destination, data) : undefined;
}

/** Removes from a rule the comparisons by which `rewriteRule` excepted a device. */
export function removeException(
  expressions: readonly NftExpression[],
  standInDevice: InterfaceNameAndIndex,
): NftExpression[] {
  const { loads } = findDeviceConditions(expressions, () => undefined);
  const loadAt = (at: number): DeviceLoad | undefined => loads.find((each) => each.at === at);
  // Migrations of several devices each put their comparison directly behind the load.
  const loadBefore = (at: number): DeviceLoad | undefined =>
    loadAt(at - 1) ?? (expressions[at - 1]?.name === 'cmp' ? loadBefore(at - 1) : undefined);
  const excepts = (at: number): boolean => {
    const load = loadBefore(at);
    const expression = expressions[at];
    return (
      load !== undefined &&
      expression?.name === 'cmp' &&
      nftExpressionInteger(expression, nftCmpAttributes.operator) === nftCmpOperators.notEqual &&
      nftExpressionValue(expression, nftCmpAttributes.data)?.equals(
        encodeInterface(load.by, standInDevice),
      ) === true
    );
  };
  return expressions.filter((_, at) => {
    if (excepts(at)) return false;
    // A load that only the comparison used was added with it: the rule's own load follows.
    const load = loadAt(at);
    return !(load && excepts(at + 1) && loadAt(at + 2)?.role === load.role);
  });
}

/** Replaces the index of a device in the comparisons of a rule. */
export function replaceComparedIndex(
  expressions: readonly NftExpression[],
  conditions: readonly DeviceCondition[],
  device: InterfaceNameAndIndex,
  standInDevice: InterfaceNameAndIndex,
): NftExpression[] {
  return expressions.map((expression, at) => {
    const condition = conditions.find((each) => each.at === at);
    if (condition?.kind !== 'compare' || condition.load.by !== 'index') return expression;
    if (!condition.value.equals(encodeInterface('index', device)) || expression.data === null)
      return expression;
    const value = rawNest(nftCmpAttributes.data, [
      rawAttribute(nftDataAttributes.value, encodeInterface('index', standInDevice)),
    ]);
    return { name: 'cmp', data: withRaw(expression.data, value) };
  });
}

/** Returns expressions for a new rule, in which counters start at zero. */
export const withZeroCounters = (expressions: readonly NftExpression[]): NftExpression[] =>
  expressions.map((expression) =>
    expression.name === 'counter' ? { name: 'counter', data: [] } : expression,
  );

/**
 * Derives NFTA_RULE_COMPAT from the protocol that a rule of iptables compares: the kernel does not report it, and xt
 * extensions of a protocol are refused without it. @returns null for a rule without xt expressions
 */
export function deriveRuleCompat(expressions: readonly NftExpression[]): NftRuleCompat | null {
  if (!expressions.some(({ name }) => name === 'match' || name === 'target')) return null;
  for (const [at, expression] of expressions.entries()) {
    const next = expressions[at + 1];
    if (!loadsProtocol(expression) || next?.name !== 'cmp') continue;
    const value = nftExpressionValue(next, nftCmpAttributes.data);
    if (value?.length !== 1) continue;
    const inverted = nftExpressionInteger(next, nftCmpAttributes.operator) === nftCmpOperators.notEqual;
    return { protocol: value.readUInt8(), inverted };
  }
  return { protocol: 0, inverted: false };
}

function loadsProtocol(expression: NftExpression): boolean {
  if (expression.name === 'meta')
    return nftExpressionInteger(expression, nftMetaAttributes.key) === nftMetaKeys.transportProtocol;
  if (expression.name !== 'payload') return false;
  const offset = nftExpressionInteger(expression, nftPayloadAttributes.offset);
  return (
    nftExpressionInteger(expression, nftPayloadAttributes.base) === nftPayloadBases.network &&
    nftExpressionInteger(expression, nftPayloadAttributes.length) === 1 &&
    (offset === IPV4_PROTOCOL_OFFSET || offset === IPV6_NEXT_HEADER_OFFSET)
  );
}

/**
 * Returns NFTA_IMMEDIATE_DATA, the verdict or value that an `immediate` expression loads; null for other expressions.
 */
export const immediateData = (expression: NftExpression): Buffer | null =>
  expression.name === 'immediate' ? nftExpressionBytes(expression, nftImmediateAttributes.data) : null;
