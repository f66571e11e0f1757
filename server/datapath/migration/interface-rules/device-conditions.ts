import type { NftExpression, NftSet } from '../../../netlink/nftables.ts';
import {
  nftCmpAttributes,
  nftExpressionBytes,
  nftExpressionInteger,
  nftExpressionRegisters,
  nftExpressionValue,
  nftFibAttributes,
  nftLookupAttributes,
  nftMetaAttributes,
  nftMetaKeys,
  nftRangeAttributes,
  nftRegisterWord,
} from '../../../netlink/nftables-expressions.ts';

/**
 * Device of a packet that an expression loads: where it came in, goes out, its VRF slave, or what a route look-up
 * gives.
 */
export type DeviceRole = 'input' | 'output' | 'slave' | 'route';
export type DeviceReferenceKind = 'name' | 'index';

/** Expression that loads a device's name (16 bytes, NUL padded) or index (u32 in host order) into a register. */
export interface DeviceLoad {
  /** Index of the expression in the rule. */
  at: number;
  role: DeviceRole;
  by: DeviceReferenceKind;
  register: number;
}

/** Expression that reads what a `DeviceLoad` wrote. */
export type DeviceCondition = { at: number; load: DeviceLoad } & (
  | { kind: 'compare'; operator: number; value: Buffer }
  | { kind: 'range'; inverted: boolean; from: Buffer; to: Buffer }
  /** `offset` of the device in the key in bytes; `whole` if the key is nothing else. */
  | { kind: 'lookup'; set: string; offset: number; whole: boolean }
  /** A condition on a value computed from the device. */
  | { kind: 'derived' }
  /** No condition: the device is stored, hashed or copied. */
  | { kind: 'other' }
);

const nameBytes = 16;
const indexBytes = 4;
export const deviceBytes = { name: nameBytes, index: indexBytes } as const;

const metaLoads = new Map<number, [DeviceRole, DeviceReferenceKind]>([
  [nftMetaKeys.inputName, ['input', 'name']],
  [nftMetaKeys.outputName, ['output', 'name']],
  [nftMetaKeys.slaveName, ['slave', 'name']],
  [nftMetaKeys.inputIndex, ['input', 'index']],
  [nftMetaKeys.outputIndex, ['output', 'index']],
  [nftMetaKeys.slaveIndex, ['slave', 'index']],
]);
/** Results NFT_FIB_RESULT_OIF and NFT_FIB_RESULT_OIFNAME, and flag NFTA_FIB_F_PRESENT: only whether there is one. */
const fibLoads = new Map<number, DeviceReferenceKind>([
  [1, 'index'],
  [2, 'name'],
]);
const NFTA_FIB_F_PRESENT = 1 << 5;

interface Word {
  load: DeviceLoad;
  /** Index of this word in the loaded value; null for a value computed from it. */
  part: number | null;
}

/** Finds where a rule's expressions load the device of a packet and what they do with it. */
export function findDeviceConditions(
  expressions: readonly NftExpression[],
  setNamed: (name: string) => NftSet | undefined,
): { loads: DeviceLoad[]; conditions: DeviceCondition[] } {
  const words = new Map<number, Word>();
  const loads: DeviceLoad[] = [];
  const conditions: DeviceCondition[] = [];
  for (const [at, expression] of expressions.entries()) {
    const { destination, sources } = nftExpressionRegisters(expression);
    const found = sources.flatMap((register) =>
      readConditions(at, expression, nftRegisterWord(register), words, setNamed),
    );
    conditions.push(...found);
    if (destination === null) continue;
    const load = parseLoad(at, expression, destination);
    const word = nftRegisterWord(destination);
    if (load) {
      loads.push(load);
      for (let part = 0; part < deviceBytes[load.by] / 4; part++) words.set(word + part, { load, part });
      continue;
    }
    const computed =
      expression.name === 'bitwise' || expression.name === 'byteorder' ? found[0]?.load : undefined;
    if (computed) words.set(word, { load: computed, part: null });
    else words.delete(word);
  }
  return { loads, conditions };
}

function parseLoad(at: number, expression: NftExpression, register: number): DeviceLoad | null {
  if (expression.name === 'meta') {
    const found = metaLoads.get(nftExpressionInteger(expression, nftMetaAttributes.key) ?? -1);
    return found ? { at, role: found[0], by: found[1], register } : null;
  }
  if (expression.name !== 'fib') return null;
  const by = fibLoads.get(nftExpressionInteger(expression, nftFibAttributes.result) ?? 0);
  const onlyPresence =
    ((nftExpressionInteger(expression, nftFibAttributes.flags) ?? 0) & NFTA_FIB_F_PRESENT) !== 0;
  return by && !onlyPresence ? { at, role: 'route', by, register } : null;
}

/** Returns the conditions on devices in the words that an expression reads from `first` on. */
function readConditions(
  at: number,
  expression: NftExpression,
  first: number,
  words: ReadonlyMap<number, Word>,
  setNamed: (name: string) => NftSet | undefined,
): DeviceCondition[] {
  const start = words.get(first);
  const { name } = expression;
  if (name === 'lookup') return listLookupConditions(at, expression, first, words, setNamed);
  if (!start) return [];
  const { load } = start;
  if (start.part === null && (name === 'cmp' || name === 'range')) return [{ at, load, kind: 'derived' }];
  if (start.part !== 0) return [];
  if (name === 'cmp') {
    const value = nftExpressionValue(expression, nftCmpAttributes.data);
    const operator = nftExpressionInteger(expression, nftCmpAttributes.operator) ?? 0;
    return [
      value && value.length <= deviceBytes[load.by]
        ? { at, load, kind: 'compare', operator, value }
        : { at, load, kind: 'derived' },
    ];
  }
  if (name === 'range') {
    const from = nftExpressionValue(expression, nftRangeAttributes.from);
    const to = nftExpressionValue(expression, nftRangeAttributes.to);
    const inverted = nftExpressionInteger(expression, nftRangeAttributes.operator) === 1;
    return [from && to ? { at, load, kind: 'range', inverted, from, to } : { at, load, kind: 'derived' }];
  }
  return [{ at, load, kind: 'other' }];
}

function listLookupConditions(
  at: number,
  expression: NftExpression,
  first: number,
  words: ReadonlyMap<number, Word>,
  setNamed: (name: string) => NftSet | undefined,
): DeviceCondition[] {
  const bytes = nftExpressionBytes(expression, nftLookupAttributes.set);
  const set = bytes ? setNamed(bytes.toString('utf8', 0, bytes.length - 1)) : undefined;
  if (!set) return [];
  const conditions: DeviceCondition[] = [];
  for (let word = 0; word < Math.ceil(set.keyLength / 4); word++) {
    const found = words.get(first + word);
    if (found?.part === null) conditions.push({ at, load: found.load, kind: 'derived' });
    if (found?.part !== 0 || word * 4 + deviceBytes[found.load.by] > set.keyLength) continue;
    const last = words.get(first + word + deviceBytes[found.load.by] / 4 - 1);
    if (last?.load !== found.load) continue;
    const whole = word === 0 && set.keyLength === deviceBytes[found.load.by];
    conditions.push({ at, load: found.load, kind: 'lookup', set: set.name, offset: word * 4, whole });
  }
  return conditions;
}
