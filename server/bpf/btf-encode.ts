import type { Btf } from './btf.ts';
import { isBtfCharType, readBitField } from './btf-decode.ts';
import { type BtfMember, type BtfValueType, maxBtfDepth, resolveBtfValueType } from './btf-resolve.ts';

/** Error for a value that does not fit its BTF type; `path` locates it within the whole value, as in `.macs[2]`. */
export class BtfValueError extends Error {
  readonly path: string;
  constructor(path: string, why: string) {
    super(`${path === '' ? 'the value' : path}: ${why}`);
    this.name = 'UnfitValue';
    this.path = path;
  }
}

/** Target of a value during encoding: bit `bit` of `bytes`. `bits` is the width of a bitfield, else 0. */
interface Place {
  bytes: Buffer;
  bit: number;
  bits: number;
  path: string;
}

type Of<Kind extends BtfValueType['kind']> = Extract<BtfValueType, { kind: Kind }>;

/**
 * Encodes a value as `decodeBtfValue` returns it. Every member is required and no other is allowed; for a union one
 * member is enough, and several must agree. @throws BtfValueError
 */
export function encodeBtfValue(btf: Btf, id: number, value: unknown): Buffer {
  const bytes = Buffer.alloc(resolveBtfValueType(btf, id).bytes);
  encodeAt(btf, id, value, { bytes, bit: 0, bits: 0, path: '' });
  return bytes;
}

function encodeAt(btf: Btf, id: number, value: unknown, place: Place): void {
  const type = resolveBtfValueType(btf, id);
  const width = place.bits || type.bytes * 8;
  switch (type.kind) {
    case 'int':
      writeBits(place, width, integer(value, width, type.encoding === 'signed', type.name, place.path));
      break;
    case 'enum':
      writeBits(place, width, enumerated(type, value, width, place.path));
      break;
    case 'pointer':
      writeBits(place, width, integer(value, width, false, 'a pointer', place.path));
      break;
    case 'float':
      encodeFloat(type, value, place);
      break;
    case 'array':
      encodeArray(btf, type, value, place);
      break;
    case 'struct':
    case 'union':
      encodeMembers(btf, type, value, place);
      break;
    case 'none':
      throw new BtfValueError(place.path, 'its type has no values');
  }
}

function writeBits({ bytes, bit: from }: Place, bits: number, value: bigint): void {
  for (let bit = 0; bit < bits; bit += 1) {
    const [at, mask] = [(from + bit) >> 3, 1 << ((from + bit) & 7)];
    const others = bytes.readUInt8(at) & ~mask;
    bytes.writeUInt8((value >> BigInt(bit)) & 1n ? others | mask : others, at);
  }
}

function integer(value: unknown, width: number, signed: boolean, name: string, path: string): bigint {
  const number = asBigInt(value);
  if (number === null)
    throw new BtfValueError(path, `not an integer, for ${name} (beyond 2^53 as decimal text)`);
  const least = signed ? -(1n << BigInt(width - 1)) : 0n;
  const most = (1n << BigInt(signed ? width - 1 : width)) - 1n;
  if (number < least || number > most)
    throw new BtfValueError(path, `${number} is not from ${least} to ${most}, for ${name}`);
  return BigInt.asUintN(width, number);
}

function asBigInt(value: unknown): bigint | null {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : null;
  return typeof value === 'string' && /^(-?\d{1,40}|0x[0-9a-f]{1,32})$/i.test(value) ? BigInt(value) : null;
}

function enumerated(type: Of<'enum'>, value: unknown, width: number, path: string): bigint {
  const known = type.values.find(({ name }) => name === value);
  if (known) return BigInt.asUintN(width, known.value);
  if (asBigInt(value) !== null) return integer(value, width, type.signed, `enum ${type.name}`, path);
  throw new BtfValueError(
    path,
    `${JSON.stringify(value)} is none of ${type.values.map(({ name }) => name).join(', ')}`,
  );
}

function encodeFloat(type: Of<'float'>, value: unknown, { bytes, bit, path }: Place): void {
  const number = typeof value === 'string' ? Number(value) : value;
  if (typeof number !== 'number') throw new BtfValueError(path, `not a number, for ${type.name}`);
  if (type.bytes === 4) bytes.writeFloatLE(number, bit >> 3);
  else if (type.bytes === 8) bytes.writeDoubleLE(number, bit >> 3);
  else throw new BtfValueError(path, `a ${type.name} of ${type.bytes} bytes cannot be written`);
}

function encodeArray(btf: Btf, type: Of<'array'>, value: unknown, place: Place): void {
  const element = resolveBtfValueType(btf, type.element);
  if (typeof value === 'string' && isBtfCharType(element)) {
    if (!/^[\x20-\x7e]*$/.test(value) || value.length > type.length)
      throw new BtfValueError(place.path, `not printable text of at most ${type.length} characters`);
    place.bytes.write(value, place.bit >> 3, 'latin1');
    return;
  }
  if (!Array.isArray(value) || value.length !== type.length)
    throw new BtfValueError(place.path, `not an array of ${type.length} elements`);
  for (const [i, each] of value.entries()) {
    const [bit, path] = [place.bit + i * element.bytes * 8, `${place.path}[${i}]`];
    encodeAt(btf, type.element, each, { ...place, bit, bits: 0, path });
  }
}

function encodeMembers(btf: Btf, type: Of<'struct' | 'union'>, value: unknown, place: Place): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new BtfValueError(place.path, `not an object, for ${type.kind} ${type.name}`);
  const given = value as Record<string, unknown>;
  const members = namedMembers(btf, type);
  const names = new Set(members.map(({ name }) => name));
  for (const name of Object.keys(given))
    if (!names.has(name))
      throw new BtfValueError(
        place.path,
        `has no member ${JSON.stringify(name)}, but ${[...names].join(', ')}`,
      );
  const written: { member: NamedMember; at: Place }[] = [];
  for (const member of members) {
    const { name, bits, choice } = member;
    if (!Object.hasOwn(given, name)) {
      if (choice && members.some((other) => other.choice && Object.hasOwn(given, other.name))) continue;
      throw new BtfValueError(place.path, `member ${name} is missing`);
    }
    const at = { ...place, bit: place.bit + member.bitOffset, bits, path: `${place.path}.${name}` };
    encodeAt(btf, member.type, given[name], at);
    if (choice) written.push({ member, at });
  }
  // Members of a union overlap: each must still have the value given for it.
  for (const { member, at } of written) {
    const width = member.bits || resolveBtfValueType(btf, member.type).bytes * 8;
    const alone = Buffer.alloc(place.bytes.length);
    encodeAt(btf, member.type, given[member.name], { ...at, bytes: alone });
    if (readBitField(place.bytes, at.bit, width) !== readBitField(alone, at.bit, width))
      throw new BtfValueError(
        at.path,
        'other members of the union have another value: give only one of them',
      );
  }
}

/** A named member of a BTF type; `choice` is true for a member of a union, of which one member is enough. */
type NamedMember = BtfMember & { choice: boolean };

/** Lists the named members of a type, including those of nested anonymous structs and unions. */
function namedMembers(
  btf: Btf,
  type: Of<'struct' | 'union'>,
  bitOffset = 0,
  choice = false,
  depth = 0,
): NamedMember[] {
  if (depth > maxBtfDepth) throw new RangeError(`BTF type ${type.name} is nested deeper than ${maxBtfDepth}`);
  return type.members.flatMap((member) => {
    const place = {
      ...member,
      bitOffset: bitOffset + member.bitOffset,
      choice: choice || type.kind === 'union',
    };
    if (member.name !== '') return [place];
    const inner = resolveBtfValueType(btf, member.type);
    if (inner.kind !== 'struct' && inner.kind !== 'union') return [];
    return namedMembers(btf, inner, place.bitOffset, place.choice, depth + 1);
  });
}
