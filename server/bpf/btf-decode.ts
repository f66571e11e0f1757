import type { Btf } from './btf.ts';
import { type BtfValueType, maxBtfDepth, resolveBtfValueType } from './btf-resolve.ts';

/** A JSON value, to which `decodeBtfValue` decodes bytes. */
export type DecodedBtfValue =
  | number
  | string
  | boolean
  | null
  | DecodedBtfValue[]
  | { [member: string]: DecodedBtfValue };

const exact = (value: bigint): number | string =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : String(value);

/** Reads `bits` bits of a little-endian number from bit `from` on. Bits beyond the end are zero. */
export function readBitField(bytes: Buffer, from: number, bits: number): bigint {
  let value = 0n;
  const first = from >> 3;
  const last = Math.min(bytes.length, (from + bits + 7) >> 3);
  for (let at = last - 1; at >= first; at -= 1) value = (value << 8n) | BigInt(bytes.readUInt8(at));
  return BigInt.asUintN(bits, value >> BigInt(from & 7));
}

export const isBtfCharType = (type: BtfValueType): boolean =>
  type.kind === 'int' && type.encoding === 'char' && type.bytes === 1;

/**
 * Decodes a value by its type: structs and unions as objects, with members of anonymous ones in the outer object; arrays
 * as arrays, char arrays with printable text as strings; enums by name; integers as numbers, beyond 2^53 as decimal text,
 * those of 16 bytes in hex; pointers in hex. @throws RangeError for invalid BTF
 */
export function decodeBtfValue(btf: Btf, id: number, bytes: Buffer): DecodedBtfValue {
  return decodeAt(btf, id, bytes, { bit: 0, bits: 0, depth: 0, left: { values: 4 * bytes.length + 1_000 } });
}

/**
 * Position of a value during decoding. `bits` is the width of a bitfield, else 0; `left.values` limits circular BTF.
 */
interface Place {
  bit: number;
  bits: number;
  depth: number;
  left: { values: number };
}

function decodeAt(btf: Btf, id: number, bytes: Buffer, { bit, bits, depth, left }: Place): DecodedBtfValue {
  if (depth > maxBtfDepth) throw new RangeError(`BTF type ${id} is nested deeper than ${maxBtfDepth}`);
  left.values -= 1;
  if (left.values < 0) throw new RangeError(`BTF type ${id} has more in it than its bytes`);
  const inside = { bits: 0, depth: depth + 1, left };
  const type = resolveBtfValueType(btf, id);
  const width = bits || type.bytes * 8;
  switch (type.kind) {
    case 'int': {
      const value = readBitField(bytes, bit, width);
      if (type.encoding === 'bool' && value <= 1n) return value === 1n;
      if (width > 64) return `0x${value.toString(16)}`;
      return exact(type.encoding === 'signed' ? BigInt.asIntN(width, value) : value);
    }
    case 'enum': {
      const raw = readBitField(bytes, bit, width);
      const value = type.signed ? BigInt.asIntN(width, raw) : raw;
      return type.values.find((each) => each.value === value)?.name ?? exact(value);
    }
    case 'pointer':
      return `0x${readBitField(bytes, bit, 64).toString(16)}`;
    case 'float': {
      const at = bit >> 3;
      if (at + type.bytes > bytes.length || (type.bytes !== 4 && type.bytes !== 8))
        return `0x${readBitField(bytes, bit, width).toString(16)}`;
      const value = type.bytes === 4 ? bytes.readFloatLE(at) : bytes.readDoubleLE(at);
      return Number.isFinite(value) ? value : String(value);
    }
    case 'array': {
      const element = resolveBtfValueType(btf, type.element);
      if (isBtfCharType(element)) {
        const text = textOf(bytes.subarray(bit >> 3, (bit >> 3) + type.length));
        if (text !== null) return text;
      }
      // An array may be declared longer than the value: elements beyond its end are omitted.
      const room = element.bytes === 0 ? 0 : Math.floor((bytes.length - (bit >> 3)) / element.bytes);
      return Array.from({ length: Math.max(0, Math.min(type.length, room)) }, (_, i) =>
        decodeAt(btf, type.element, bytes, { ...inside, bit: bit + i * element.bytes * 8 }),
      );
    }
    case 'struct':
    case 'union': {
      const value: { [member: string]: DecodedBtfValue } = {};
      for (const member of type.members) {
        const place = { ...inside, bit: bit + member.bitOffset, bits: member.bits };
        const inner = decodeAt(btf, member.type, bytes, place);
        if (member.name !== '') value[member.name] = inner;
        else if (typeof inner === 'object') Object.assign(value, inner); // else padding
      }
      return value;
    }
    case 'none':
      return null;
  }
}

/** Returns bytes as text if they are printable characters followed only by zeros; otherwise null. */
function textOf(bytes: Buffer): string | null {
  const end = bytes.indexOf(0) === -1 ? bytes.length : bytes.indexOf(0);
  if (bytes.subarray(end).some((byte) => byte !== 0)) return null;
  return bytes.subarray(0, end).every((byte) => byte >= 0x20 && byte < 0x7f)
    ? bytes.toString('latin1', 0, end)
    : null;
}
