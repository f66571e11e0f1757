import type { NftExpression } from '../../../netlink/nftables.ts';
import type { NftRuleCompat } from '../../../netlink/nftables-changes.ts';
import { nftData } from '../../../netlink/nftables-constants.ts';
import {
  cmpExpression,
  immediateExpression,
  metaExpression,
  nftCmp,
  nftCmpOperators,
  nftExpressionBytes,
  nftExpressionInteger,
  nftExpressionValue,
  nftImmediate,
  nftLookup,
  nftMeta,
  nftMetaKeys,
  nftPayload,
  nftPayloadBases,
} from '../../../netlink/nftables-expressions.ts';
import { encodeNest, rawAttribute, rawNest, withRaw } from '../../../netlink/raw-attributes.ts';
import { type DeviceLoad, type DeviceRole, type DeviceUse, traceDeviceUses } from './device-uses.ts';
import { type DeviceIdentity, encodeDevice, type UseOutcome } from './evaluate-uses.ts';

const IPV4_PROTOCOL_OFFSET = 9;
const IPV6_NEXT_HEADER_OFFSET = 6;

export interface RuleRewriting {
  /** The pod's device, and the one that stands in for it. */
  device: DeviceIdentity;
  other: DeviceIdentity;
  /** Roles in which the rule is made to match the other device as if it were the pod's. */
  standIn: ReadonlySet<DeviceRole>;
  /** Roles in which the rule is made not to match the other device. */
  except: ReadonlySet<DeviceRole>;
  /** Outcomes of the uses in the roles of `standIn` for the pod's device. */
  outcomes: readonly UseOutcome[];
  /** Look-ups in sets of the rule's own, in copies of which the other device takes the place of the pod's. */
  substituted: readonly DeviceUse[];
}

/**
 * Rewrites a rule for another device. After each load of the device, a comparison selects or excepts the other one.
 * Conditions that the device alone decides are dropped from a rule that selects; where others remain, the register gets
 * the value of the pod's device, so that everything behind, of any kind, works as for that.
 *
 * A rule that uses both name and index compares the index only, before the first load: the other device has the name of
 * the pod's once it was renamed, and its own index.
 */
export function rewriteRule(
  expressions: readonly NftExpression[],
  loads: readonly DeviceLoad[],
  uses: readonly DeviceUse[],
  { device, other, standIn, except, outcomes, substituted }: RuleRewriting,
): NftExpression[] {
  const decided = new Map<number, NftExpression | null>();
  for (const outcome of outcomes) {
    const replacement = replaceDecided(expressions[outcome.use.at], outcome);
    if (replacement !== undefined) decided.set(outcome.use.at, replacement);
  }
  const overridden = new Set(
    uses
      .filter((use) => standIn.has(use.load.role) && !decided.has(use.at) && !substituted.includes(use))
      .map((use) => use.load),
  );
  return expressions.flatMap((expression, at) => {
    const load = loads.find((each) => each.at === at);
    if (load && (standIn.has(load.role) || except.has(load.role))) {
      const operator = standIn.has(load.role) ? 'equal' : 'notEqual';
      const constant = overridden.has(load) ? [loadConstant(load, device)] : [];
      if (!usesNameAndIndex(uses, load.role))
        return [
          expression,
          cmpExpression(load.register, operator, encodeDevice(load.by, other)),
          ...constant,
        ];
      const isFirst = loads.find(({ role }) => role === load.role) === load;
      return [...(isFirst ? compareIndex(load, operator, other) : []), expression, ...constant];
    }
    const use = uses.find((each) => each.at === at);
    if (!use || overridden.has(use.load)) return [expression];
    const replacement = decided.get(at);
    return replacement === undefined ? [expression] : replacement === null ? [] : [replacement];
  });
}

/** Tests whether a rule has conditions on both the name and the index of the device in a role. */
export const usesNameAndIndex = (uses: readonly DeviceUse[], role: DeviceRole): boolean =>
  (['name', 'index'] as const).every((by) =>
    uses.some(({ load, kind }) => load.role === role && load.by === by && kind !== 'other'),
  );

const indexKeys: Partial<Record<DeviceRole, number>> = {
  input: nftMetaKeys.inputIndex,
  output: nftMetaKeys.outputIndex,
  slave: nftMetaKeys.slaveIndex,
};

function compareIndex(
  load: DeviceLoad,
  operator: 'equal' | 'notEqual',
  other: DeviceIdentity,
): NftExpression[] {
  const key = indexKeys[load.role];
  if (key === undefined) throw new Error(`rule with name and index of a device by ${load.role}`);
  return [
    metaExpression(key, load.register),
    cmpExpression(load.register, operator, encodeDevice('index', other)),
  ];
}

const loadConstant = (load: DeviceLoad, device: DeviceIdentity): NftExpression =>
  immediateExpression(
    load.register,
    encodeNest([rawAttribute(nftData.value, encodeDevice(load.by, device))]),
  );

/** Returns null for a condition that holds, a constant for a map, and undefined where more than the device decides. */
function replaceDecided(
  expression: NftExpression | undefined,
  { holds, data, use }: UseOutcome,
): NftExpression | null | undefined {
  if (holds !== true || !expression) return undefined;
  const destination = use.kind === 'lookup' ? nftExpressionInteger(expression, nftLookup.destination) : null;
  if (destination === null) return null;
  return data ? immediateExpression(destination, data) : undefined;
}

/** Removes from a rule the comparisons by which `rewriteRule` excepted a device. */
export function removeException(
  expressions: readonly NftExpression[],
  other: DeviceIdentity,
): NftExpression[] {
  const { loads } = traceDeviceUses(expressions, () => undefined);
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
      nftExpressionInteger(expression, nftCmp.operator) === nftCmpOperators.notEqual &&
      nftExpressionValue(expression, nftCmp.data)?.equals(encodeDevice(load.by, other)) === true
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
  uses: readonly DeviceUse[],
  device: DeviceIdentity,
  other: DeviceIdentity,
): NftExpression[] {
  return expressions.map((expression, at) => {
    const use = uses.find((each) => each.at === at);
    if (use?.kind !== 'compare' || use.load.by !== 'index') return expression;
    if (!use.value.equals(encodeDevice('index', device)) || expression.data === null) return expression;
    const value = rawNest(nftCmp.data, [rawAttribute(nftData.value, encodeDevice('index', other))]);
    return { name: 'cmp', data: withRaw(expression.data, value) };
  });
}

/** Sets the counters of a rule to zero. */
export const resetCounters = (expressions: readonly NftExpression[]): NftExpression[] =>
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
    const value = nftExpressionValue(next, nftCmp.data);
    if (value?.length !== 1) continue;
    const inverted = nftExpressionInteger(next, nftCmp.operator) === nftCmpOperators.notEqual;
    return { protocol: value.readUInt8(), inverted };
  }
  return { protocol: 0, inverted: false };
}

function loadsProtocol(expression: NftExpression): boolean {
  if (expression.name === 'meta')
    return nftExpressionInteger(expression, nftMeta.key) === nftMetaKeys.transportProtocol;
  if (expression.name !== 'payload') return false;
  const offset = nftExpressionInteger(expression, nftPayload.offset);
  return (
    nftExpressionInteger(expression, nftPayload.base) === nftPayloadBases.network &&
    nftExpressionInteger(expression, nftPayload.length) === 1 &&
    (offset === IPV4_PROTOCOL_OFFSET || offset === IPV6_NEXT_HEADER_OFFSET)
  );
}

/** Returns the chain that an `immediate` expression jumps or goes to, null without one. */
export const immediateData = (expression: NftExpression): Buffer | null =>
  expression.name === 'immediate' ? nftExpressionBytes(expression, nftImmediate.data) : null;
