import { readFile } from 'node:fs/promises';

/** File with the BTF of the running kernel; exists if the kernel was built with CONFIG_DEBUG_INFO_BTF. */
export const vmlinuxBtfPath = '/sys/kernel/btf/vmlinux';
const magic = 0xeb9f;

/** BTF_KIND_*, <linux/btf.h>. */
const kinds = { struct: 4, union: 5, enum: 6, typedef: 8, function: 12, prototype: 13, enum64: 19 } as const;
/** Number of bytes that follow the 12 of struct btf_type, by kind: a fixed part and a part per member. */
const fixedBytes: Record<number, number> = { 1: 4, 3: 12, 14: 4, 17: 4 };
const memberBytes: Record<number, number> = { 4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12 };

/** A BTF type as encoded in struct btf_type, <linux/btf.h>. */
export interface BtfType {
  id: number;
  kind: number;
  /** Number of members, parameters or enum values of the BTF type. */
  count: number;
  /** The kind_flag of the BTF type: true for a struct with bitfields and for an enum with signed values. */
  flag: boolean;
  /** Name of the BTF type; empty for an anonymous type. */
  name: string;
  /** Size of the BTF type in bytes or, depending on its kind, the id of the type that it refers to. */
  sizeOrType: number;
  /** The encoded bytes that follow struct btf_type. */
  data: Buffer;
}

/**
 * Reads BTF, <linux/btf.h>: a header, a sequence of types (ids from 1) and strings. A module's BTF continues the ids and
 * strings of its base, the kernel's.
 */
export class Btf {
  readonly #bytes: Buffer;
  readonly #strings: Buffer;
  readonly #base: Btf | null;
  /** Id of the first type and offset of the first string in this BTF, after those of its base. */
  readonly #firstId: number;
  readonly #firstString: number;
  /** Byte offset of each type, indexed by type id minus `#firstId`. */
  readonly #starts: number[] = [];

  /** Parses a BTF blob. @throws RangeError if it is truncated or not BTF */
  constructor(bytes: Buffer, base: Btf | null = null) {
    if (bytes.length < 24 || bytes.readUInt16LE(0) !== magic) throw new RangeError('not BTF');
    const header = bytes.readUInt32LE(4);
    const types = header + bytes.readUInt32LE(8);
    const end = types + bytes.readUInt32LE(12);
    const strings = header + bytes.readUInt32LE(16);
    const stringsEnd = strings + bytes.readUInt32LE(20);
    if (end > bytes.length || stringsEnd > bytes.length) throw new RangeError('BTF is truncated');
    this.#bytes = bytes;
    this.#strings = bytes.subarray(strings, stringsEnd);
    this.#base = base;
    this.#firstId = base === null ? 1 : base.typeCount + 1;
    this.#firstString = base === null ? 0 : base.#firstString + base.#strings.length;
    for (let at = types; at + 12 <= end; ) {
      this.#starts.push(at);
      const info = bytes.readUInt32LE(at + 4);
      const kind = (info >>> 24) & 0x1f;
      at += 12 + (fixedBytes[kind] ?? 0) + (memberBytes[kind] ?? 0) * (info & 0xffff);
      if (at > end) throw new RangeError(`BTF type ${this.typeCount} extends beyond the types`);
    }
  }

  /** Number of BTF types including those of the base, which is also the last type id. */
  get typeCount(): number {
    return this.#firstId - 1 + this.#starts.length;
  }

  /** Finds a BTF type by kind and name, without searching the base; null if there is none. */
  find(kind: keyof typeof kinds, name: string): BtfType | null {
    // Searching for the name once makes it possible to compare types by its offset.
    const offset = this.#strings.indexOf(`\0${name}\0`, 0, 'latin1') + 1;
    if (offset === 0) return null;
    for (const [index, at] of this.#starts.entries())
      if (
        this.#bytes.readUInt32LE(at) === offset + this.#firstString &&
        (this.#bytes.readUInt8(at + 7) & 0x1f) === kinds[kind]
      )
        return this.type(this.#firstId + index);
    return null;
  }

  /** Returns a BTF type by its id. @throws RangeError if the id is unknown */
  type(id: number): BtfType {
    if (this.#base !== null && id < this.#firstId) return this.#base.type(id);
    const at = this.#starts[id - this.#firstId];
    if (at === undefined) throw new RangeError(`BTF has no type ${id}`);
    const info = this.#bytes.readUInt32LE(at + 4);
    return {
      id,
      kind: (info >>> 24) & 0x1f,
      count: info & 0xffff,
      flag: info >>> 31 === 1,
      name: this.string(this.#bytes.readUInt32LE(at)),
      sizeOrType: this.#bytes.readUInt32LE(at + 8),
      data: this.#bytes.subarray(at + 12),
    };
  }

  /** Returns the names of an enum by value (struct btf_enum: u32 name, i32 value); null if there is no such enum. */
  enumNames(name: string): Map<number, string> | null {
    const type = this.find('enum', name);
    if (!type) return null;
    return new Map(
      Array.from({ length: type.count }, (_, i) => [
        type.data.readInt32LE(8 * i + 4),
        this.string(type.data.readUInt32LE(8 * i)),
      ]),
    );
  }

  /** Returns the parameter types of a tracepoint, which BTF describes as function pointer typedef `btf_trace_NAME`. */
  tracepointParameters(name: string): { id: number; parameters: number[] } | null {
    const typedef = this.find('typedef', `btf_trace_${name}`);
    if (!typedef) return null;
    const prototype = this.type(this.type(typedef.sizeOrType).sizeOrType);
    if (prototype.kind !== kinds.prototype) return null;
    // struct btf_param: u32 name, u32 type.
    const parameters = Array.from({ length: prototype.count }, (_, i) =>
      prototype.data.readUInt32LE(8 * i + 4),
    );
    return { id: typedef.id, parameters };
  }

  /** Returns the BTF string at an offset; empty if the offset is invalid. */
  string(offset: number): string {
    if (this.#base !== null && offset < this.#firstString) return this.#base.string(offset);
    const start = offset - this.#firstString;
    const end = this.#strings.indexOf(0, start);
    // Source lines are UTF-8.
    return end < start ? '' : this.#strings.toString('utf8', start, end);
  }
}

/** Reads the BTF of the running kernel. @throws ENOENT if the kernel has no BTF */
export const readVmlinuxBtf = async (): Promise<Btf> => new Btf(await readFile(vmlinuxBtfPath));
