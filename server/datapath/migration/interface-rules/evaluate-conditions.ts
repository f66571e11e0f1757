import type { NftElement, NftExpression } from '../../../netlink/nftables.ts';
import { nftElementAttributes } from '../../../netlink/nftables-constants.ts';
import {
  NFT_LOOKUP_F_INV,
  nftCmpOperators,
  nftExpressionBytes,
  nftExpressionInteger,
  nftLookupAttributes,
} from '../../../netlink/nftables-expressions.ts';
import { findRaw } from '../../../netlink/raw-attributes.ts';
import {
  type DeviceCondition,
  type DeviceReferenceKind,
  type DeviceRole,
  deviceBytes,
} from './device-conditions.ts';
import {
  catchAllElement,
  elementResult,
  isExtensibleSet,
  matchElements,
  type NftSetContent,
} from './nft-set-content.ts';

/** A device as rules name it. */
export interface InterfaceNameAndIndex {
  name: string;
  ifindex: number;
}

/** Encodes a device as expressions load it: the name NUL padded to IFNAMSIZ, the index in host order. */
export function encodeInterface(by: DeviceReferenceKind, { name, ifindex }: InterfaceNameAndIndex): Buffer {
  const bytes = Buffer.alloc(deviceBytes[by]);
  if (by === 'index') bytes.writeUInt32LE(ifindex);
  else bytes.write(name, 'utf8');
  return bytes;
}

/** Outcome of one use when the packet's device is a given one. */
export interface ConditionOutcome {
  condition: DeviceCondition;
  /** False if the rule cannot match; true if the condition holds; null if it depends on more than the device. */
  holds: boolean | null;
  /** What a map gives for the device, as nest of struct nft_data. */
  data: Buffer | null;
  /** Text that is equal for two devices which the use treats alike. */
  signature: string;
  /** True if the condition selects the device, rather than excluding others. */
  selects: boolean;
}

/** What a rule does with packets of a device in one role, as far as its conditions on that role decide. */
export interface RoleOutcome {
  possible: boolean;
  signature: string;
  outcomes: ConditionOutcome[];
}

/** Evaluates a rule's conditions on one role for a device. */
export function evaluateRole(
  expressions: readonly NftExpression[],
  conditions: readonly DeviceCondition[],
  role: DeviceRole,
  device: InterfaceNameAndIndex,
  contentOf: (set: string) => NftSetContent | undefined,
): RoleOutcome {
  const outcomes = conditions
    .filter(({ load, kind }) => load.role === role && kind !== 'other')
    .map((condition) =>
      evaluateCondition(
        expressions[condition.at],
        condition,
        encodeInterface(condition.load.by, device),
        contentOf,
      ),
    );
  const possible = outcomes.every(({ holds }) => holds !== false);
  return {
    possible,
    signature: possible ? outcomes.map(({ signature }) => signature).join() : 'never',
    outcomes,
  };
}

function evaluateCondition(
  expression: NftExpression | undefined,
  condition: DeviceCondition,
  device: Buffer,
  contentOf: (set: string) => NftSetContent | undefined,
): ConditionOutcome {
  const decided = (holds: boolean, selects: boolean): ConditionOutcome => ({
    condition,
    holds,
    data: null,
    signature: String(holds),
    selects: holds && selects,
  });
  if (condition.kind === 'compare') {
    const order = device.subarray(0, condition.value.length).compare(condition.value);
    return decided(compares(condition.operator, order), condition.operator === nftCmpOperators.equal);
  }
  if (condition.kind === 'range') {
    const inside =
      device.subarray(0, condition.from.length).compare(condition.from) >= 0 &&
      device.subarray(0, condition.to.length).compare(condition.to) <= 0;
    return decided(inside !== condition.inverted, !condition.inverted);
  }
  const content = condition.kind === 'lookup' ? contentOf(condition.set) : undefined;
  // A value computed from a device counts as different for each, so that the rule is made exact for both.
  if (condition.kind !== 'lookup' || !content || !expression)
    return { condition, holds: null, data: null, signature: device.toString('hex'), selects: true };
  return evaluateLookup(expression, condition, device, content);
}

function evaluateLookup(
  expression: NftExpression,
  condition: DeviceCondition & { kind: 'lookup' },
  device: Buffer,
  content: NftSetContent,
): ConditionOutcome {
  const found = matchElements(content, device, condition.offset);
  const selects = found.length > 0;
  // Elements are added for the stand-in device, so the set treats both alike.
  if (isExtensibleSet(content)) return { condition, holds: null, data: null, signature: '', selects: false };
  const inverted =
    ((nftExpressionInteger(expression, nftLookupAttributes.flags) ?? 0) & NFT_LOOKUP_F_INV) !== 0;
  const fallback = catchAllElement(content);
  if (!condition.whole) {
    const signature = found.map((element) => content.elements.indexOf(element)).join('+');
    const holds = found.length === 0 && !fallback && !inverted ? false : null;
    return { condition, holds, data: null, signature, selects: selects && !inverted };
  }
  const element: NftElement | null = found[0] ?? fallback;
  const isMap = nftExpressionBytes(expression, nftLookupAttributes.destination) !== null;
  return {
    condition,
    holds: (element !== null) !== inverted,
    data: isMap && element ? findRaw(element.attributes, nftElementAttributes.data) : null,
    signature: element === null ? 'none' : isMap ? elementResult(element) : 'in',
    selects: selects && !inverted,
  };
}

function compares(operator: number, order: number): boolean {
  switch (operator) {
    case nftCmpOperators.equal:
      return order === 0;
    case nftCmpOperators.notEqual:
      return order !== 0;
    case nftCmpOperators.less:
      return order < 0;
    case nftCmpOperators.lessOrEqual:
      return order <= 0;
    case nftCmpOperators.greater:
      return order > 0;
    default:
      return order >= 0;
  }
}
