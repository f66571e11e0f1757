import type { NftExpression } from '../../../netlink/nftables.ts';
import {
  nftExpressionBytes,
  nftExpressionInteger,
  nftExpressionRegisters,
  nftExpressionValue,
  nftImmediateAttributes,
  nftMetaAttributes,
  nftMetaKeys,
} from '../../../netlink/nftables-expressions.ts';
import { encodeInterface, type InterfaceNameAndIndex } from './evaluate-conditions.ts';

/** Attributes NFTA_MATCH_* and NFTA_TARGET_* of xt expressions, which are the same numbers. */
const xt = { name: 1, info: 3 } as const;
/**
 * Offsets of device names in the data of xt extensions: struct xt_physdev_info of <linux/netfilter/xt_physdev.h>,
 * struct xt_tee_tginfo of <linux/netfilter/xt_TEE.h>.
 */
const xtDeviceNames: Readonly<Record<string, readonly number[]>> = {
  physdev: [0, 32],
  TEE: [16],
};

/** A way in which a rule refers to a device that has no twin. */
export interface UnsupportedReference {
  by: 'name' | 'index' | 'kind';
  reason: string;
}

/** Finds references to a device other than by conditions on a packet's device. */
export function findUnsupported(
  expressions: readonly NftExpression[],
  device: InterfaceNameAndIndex,
): UnsupportedReference | null {
  const constants = new Map<number, Buffer | null>();
  for (const expression of expressions) {
    const { destination, sources } = nftExpressionRegisters(expression);
    const found = extensionReference(expression, device) ?? kindReference(expression);
    if (found) return found;
    if (
      (expression.name === 'fwd' || expression.name === 'dup') &&
      sources.some((register) => constants.get(register)?.equals(encodeInterface('index', device)))
    )
      return { by: 'index', reason: `sends packets to the interface (${expression.name})` };
    if (destination !== null)
      constants.set(
        destination,
        expression.name === 'immediate' ? nftExpressionValue(expression, nftImmediateAttributes.data) : null,
      );
  }
  return null;
}

function extensionReference(
  expression: NftExpression,
  { name }: InterfaceNameAndIndex,
): UnsupportedReference | null {
  if (expression.name !== 'match' && expression.name !== 'target') return null;
  const extension = nftExpressionBytes(expression, xt.name)?.toString('utf8').replace(/\0.*$/s, '') ?? '';
  const info = nftExpressionBytes(expression, xt.info);
  const named = xtDeviceNames[extension]?.some(
    (offset) => info?.toString('utf8', offset, offset + 16).replace(/\0.*$/s, '') === name,
  );
  return named ? { by: 'name', reason: `names the interface in the xt extension ${extension}` } : null;
}

function kindReference(expression: NftExpression): UnsupportedReference | null {
  if (expression.name !== 'meta') return null;
  const key = nftExpressionInteger(expression, nftMetaAttributes.key);
  return key === nftMetaKeys.inputKind || key === nftMetaKeys.outputKind
    ? { by: 'kind', reason: 'matches by the kind of the interface, which the migration changes' }
    : null;
}
