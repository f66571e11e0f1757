import type { NftElement, NftExpression } from '../../../netlink/nftables.ts';
import { nftElement } from '../../../netlink/nftables-constants.ts';
import {
  NFT_LOOKUP_F_INV,
  nftCmpOperators,
  nftExpressionBytes,
  nftExpressionInteger,
  nftLookup,
} from '../../../netlink/nftables-expressions.ts';
import { findRaw } from '../../../netlink/raw-attributes.ts';
import { type DeviceReferenceKind, type DeviceRole, type DeviceUse, deviceBytes } from './device-uses.ts';
import {
  catchAllElement,
  elementResult,
  isExtensibleSet,
  matchElements,
  type SetContent,
} from './set-content.ts';

/** A device as rules name it. */
export interface DeviceIdentity {
  name: string;
  ifindex: number;
}

/** Encodes a device as expressions load it: the name NUL padded to IFNAMSIZ, the index in host order. */
export function encodeDevice(by: DeviceReferenceKind, { name, ifindex }: DeviceIdentity): Buffer {
  const bytes = Buffer.alloc(deviceBytes[by]);
  if (by === 'index') bytes.writeUInt32LE(ifindex);
  else bytes.write(name, 'utf8');
  return bytes;
}

/** Outcome of one use when the packet's device is a given one. */
export interface UseOutcome {
  use: DeviceUse;
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
  outcomes: UseOutcome[];
}

/** Evaluates a rule's conditions on one role for a device. */
export function evaluateRole(
  expressions: readonly NftExpression[],
  uses: readonly DeviceUse[],
  role: DeviceRole,
  device: DeviceIdentity,
  contentOf: (set: string) => SetContent | undefined,
): RoleOutcome {
  const outcomes = uses
    .filter(({ load, kind }) => load.role === role && kind !== 'other')
    .map((use) => evaluateUse(expressions[use.at], use, encodeDevice(use.load.by, device), contentOf));
  const possible = outcomes.every(({ holds }) => holds !== false);
  return {
    possible,
    signature: possible ? outcomes.map(({ signature }) => signature).join() : 'never',
    outcomes,
  };
}

function evaluateUse(
  expression: NftExpression | undefined,
  use: DeviceUse,
  device: Buffer,
  contentOf: (set: string) => SetContent | undefined,
): UseOutcome {
  const decided = (holds: boolean, selects: boolean): UseOutcome => ({
    use,
    holds,
    data: null,
    signature: String(holds),
    selects: holds && selects,
  });
  if (use.kind === 'compare') {
    const order = device.subarray(0, use.value.length).compare(use.value);
    return decided(compares(use.operator, order), use.operator === nftCmpOperators.equal);
  }
  if (use.kind === 'range') {
    const inside =
      device.subarray(0, use.from.length).compare(use.from) >= 0 &&
      device.subarray(0, use.to.length).compare(use.to) <= 0;
    return decided(inside !== use.inverted, !use.inverted);
  }
  const content = use.kind === 'lookup' ? contentOf(use.set) : undefined;
  // A value computed from a device counts as different for each, so that the rule is made exact for both.
  if (use.kind !== 'lookup' || !content || !expression)
    return { use, holds: null, data: null, signature: device.toString('hex'), selects: true };
  return evaluateLookup(expression, use, device, content);
}

function evaluateLookup(
  expression: NftExpression,
  use: DeviceUse & { kind: 'lookup' },
  device: Buffer,
  content: SetContent,
): UseOutcome {
  const found = matchElements(content, device, use.offset);
  const selects = found.length > 0;
  // Elements are added for the other device, so the set treats both alike.
  if (isExtensibleSet(content)) return { use, holds: null, data: null, signature: '', selects: false };
  const inverted = ((nftExpressionInteger(expression, nftLookup.flags) ?? 0) & NFT_LOOKUP_F_INV) !== 0;
  const fallback = catchAllElement(content);
  if (!use.whole) {
    const signature = found.map((element) => content.elements.indexOf(element)).join('+');
    const holds = found.length === 0 && !fallback && !inverted ? false : null;
    return { use, holds, data: null, signature, selects: selects && !inverted };
  }
  const element: NftElement | null = found[0] ?? fallback;
  const isMap = nftExpressionBytes(expression, nftLookup.destination) !== null;
  return {
    use,
    holds: (element !== null) !== inverted,
    data: isMap && element ? findRaw(element.attributes, nftElement.data) : null,
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
