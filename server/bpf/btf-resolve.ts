import type { Btf } from './btf.ts';

/** Structure of the values of a BTF type. Sizes are in bytes and member offsets in bits. */
export type BtfValueType =
  | { kind: 'int'; name: string; bytes: number; encoding: 'unsigned' | 'signed' | 'bool' | 'char' }
  | { kind: 'float'; name: string; bytes: number }
  | { kind: 'enum'; name: string; bytes: number; values: { name: string; value: bigint }[]; signed: boolean }
  | { kind: 'pointer'; bytes: 8; to: number }
  | { kind: 'array'; bytes: number; element: number; length: number }
  | { kind: 'struct' | 'union'; name: string; bytes: number; members: BtfMember[] }
  /** A type without values: void, a function or a forward declaration. */
  | { kind: 'none'; name: string; bytes: 0 };

export interface BtfMember {
  /** Name of the member; empty for an anonymous struct or union, whose members belong to the outer type. */
  name: string;
  type: number;
  bitOffset: number;
  /** Width of a bitfield in bits; 0 for other members. */
  bits: number;
}

/** BTF_KIND_*, <linux/btf.h>. */
const kind = {
  int: 1,
  pointer: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  forward: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  variable: 14,
  section: 15,
  float: 16,
  typeTag: 18,
  enum64: 19,
} as const;
const transparent: ReadonlySet<number> = new Set([
  kind.typedef,
  kind.volatile,
  kind.const,
  kind.restrict,
  kind.variable,
  kind.typeTag,
]);
/** Maximum nesting of BTF types, as in the kernel (MAX_RESOLVE_DEPTH, kernel/bpf/btf.c). Deeper types are circular. */
export const maxBtfDepth = 32;

const deeper = (depth: number, id: number): number => {
  if (depth >= maxBtfDepth) throw new RangeError(`BTF type ${id} is nested deeper than ${maxBtfDepth}`);
  return depth + 1;
};

/** Resolves a BTF type through typedefs and qualifiers. @throws RangeError if the BTF is invalid */
export function resolveBtfValueType(btf: Btf, id: number, depth = 0): BtfValueType {
  if (id === 0) return { kind: 'none', name: 'void', bytes: 0 };
  const type = btf.type(id);
  const { name, sizeOrType: reference, count, data: behind } = type;
  if (transparent.has(type.kind)) return resolveBtfValueType(btf, reference, deeper(depth, id));
  switch (type.kind) {
    case kind.int: {
      const bits = behind.readUInt32LE(0);
      const encoding = (bits >>> 24) & 0xf;
      // clang encodes char as a signed integer, so its name decides.
      const isChar = (encoding & 2) !== 0 || (reference === 1 && /^(un)?(signed )?char$/.test(name));
      const of = encoding & 4 ? 'bool' : isChar ? 'char' : encoding & 1 ? 'signed' : 'unsigned';
      return { kind: 'int', name, bytes: reference, encoding: of };
    }
    case kind.float:
      return { kind: 'float', name, bytes: reference };
    case kind.pointer:
      return { kind: 'pointer', bytes: 8, to: reference };
    case kind.enum:
    case kind.enum64:
      return { kind: 'enum', name, bytes: reference, values: enumValues(btf, id), signed: type.flag };
    case kind.array: {
      // struct btf_array: u32 type, index type, number of elements.
      const [element, length] = [behind.readUInt32LE(0), behind.readUInt32LE(8)];
      const bytes = resolveBtfValueType(btf, element, deeper(depth, id)).bytes * length;
      return { kind: 'array', bytes, element, length };
    }
    case kind.struct:
    case kind.union: {
      const members = Array.from({ length: count }, (_, i) => {
        // struct btf_member: u32 name, type, offset: bits, with the size of a bitfield in the upper byte.
        const offset = behind.readUInt32LE(12 * i + 8);
        return {
          name: btf.string(behind.readUInt32LE(12 * i)),
          type: behind.readUInt32LE(12 * i + 4),
          bitOffset: type.flag ? offset & 0xff_ffff : offset,
          bits: type.flag ? offset >>> 24 : 0,
        };
      });
      return { kind: type.kind === kind.struct ? 'struct' : 'union', name, bytes: reference, members };
    }
    case kind.section: {
      // Global data: struct btf_var_secinfo, u32 type, offset, size.
      const members = Array.from({ length: count }, (_, i) => {
        const variable = behind.readUInt32LE(12 * i);
        return {
          name: btf.type(variable).name,
          type: variable,
          bitOffset: behind.readUInt32LE(12 * i + 4) * 8,
          bits: 0,
        };
      });
      return { kind: 'struct', name, bytes: reference, members };
    }
    default:
      return { kind: 'none', name, bytes: 0 };
  }
}

/** Reads the values of an enum: struct btf_enum (u32 name, i32 value) or btf_enum64 (u32 name, u32 low, u32 high). */
function enumValues(btf: Btf, id: number): { name: string; value: bigint }[] {
  const { kind: of, count, flag, data: behind } = btf.type(id);
  return Array.from({ length: count }, (_, i) => {
    if (of === kind.enum) {
      const name = btf.string(behind.readUInt32LE(8 * i));
      return { name, value: BigInt(flag ? behind.readInt32LE(8 * i + 4) : behind.readUInt32LE(8 * i + 4)) };
    }
    const bits = behind.readBigUInt64LE(12 * i + 4);
    return { name: btf.string(behind.readUInt32LE(12 * i)), value: flag ? BigInt.asIntN(64, bits) : bits };
  });
}

/** Formats the name of a BTF type in C, such as `struct podlane_slot`, `__u32`, `char[16]` or `void *`. */
export function formatCTypeName(btf: Btf, id: number, depth = 0): string {
  if (id === 0) return 'void';
  const type = btf.type(id);
  const next = deeper(depth, id);
  const qualifier = { [kind.volatile]: 'volatile ', [kind.const]: 'const ', [kind.restrict]: 'restrict ' };
  switch (type.kind) {
    case kind.volatile:
    case kind.const:
    case kind.restrict:
      return `${qualifier[type.kind]}${formatCTypeName(btf, type.sizeOrType, next)}`;
    case kind.typeTag:
    case kind.variable:
      return formatCTypeName(btf, type.sizeOrType, next);
    case kind.pointer:
      return `${formatCTypeName(btf, type.sizeOrType, next)} *`;
    case kind.array:
      return `${formatCTypeName(btf, type.data.readUInt32LE(0), next)}[${type.data.readUInt32LE(8)}]`;
    case kind.struct:
    case kind.union:
      return `${type.kind === kind.struct ? 'struct' : 'union'}${type.name && ` ${type.name}`}`;
    case kind.enum:
    case kind.enum64:
      return `enum${type.name && ` ${type.name}`}`;
    case kind.forward:
      return `${type.flag ? 'union' : 'struct'} ${type.name}`;
    default:
      return type.name || 'void';
  }
}

/** Nesting depth down to which a declaration writes out the members of named structs. */
const writtenDepth = 2;

/** Maximum number of members in a declaration, which keeps circular BTF finite. */
const maxMembers = 1_000;

/** Formats the declaration of a BTF type in C, with the members of its structs. */
export function formatCDeclaration(btf: Btf, id: number): string {
  return declared(btf, id, '', 0, { members: maxMembers });
}

function declared(btf: Btf, id: number, indent: string, depth: number, left: { members: number }): string {
  const type = resolveBtfValueType(btf, id);
  if (type.kind === 'enum' && depth === 0)
    return `${formatCTypeName(btf, id)} {\n${type.values.map(({ name, value }) => `  ${name} = ${value},\n`).join('')}}`;
  if (type.kind !== 'struct' && type.kind !== 'union') return formatCTypeName(btf, id);
  const shown = type.members.slice(0, Math.max(0, left.members));
  left.members -= shown.length;
  const members = shown.map(({ name, type: of, bits }) => {
    const inner = resolveBtfValueType(btf, of);
    const written =
      (inner.kind === 'struct' || inner.kind === 'union') && (inner.name === '' || depth < writtenDepth);
    const text = written
      ? declared(btf, of, `${indent}  `, deeper(depth, of), left)
      : formatCTypeName(btf, of);
    const [, base, length] = /^(.*?)((?:\[\d+\])+)$/.exec(text) ?? ['', text, ''];
    return `${indent}  ${base}${name && ` ${name}`}${length}${bits ? `:${bits}` : ''};\n`;
  });
  const more = shown.length < type.members.length ? `${indent}  /* and more */\n` : '';
  return `${type.kind}${type.name && ` ${type.name}`} {\n${members.join('')}${more}${indent}}`;
}
