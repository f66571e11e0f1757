import { readFile } from 'node:fs/promises';

/** The running kernel's own types; there when it was built with CONFIG_DEBUG_INFO_BTF. */
export const vmlinuxPath = '/sys/kernel/btf/vmlinux';
const magic = 0xeb9f;

/** BTF_KIND_*, <linux/btf.h>. */
const kinds = { enum: 6, typedef: 8, function: 12, prototype: 13, enum64: 19 } as const;
/** Bytes behind a type's 12: fixed, and for each of its members. */
const fixedBytes: Record<number, number> = { 1: 4, 3: 12, 14: 4, 17: 4 };
const memberBytes: Record<number, number> = { 4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12 };

export interface BtfType {
  id: number;
  kind: number;
  /** of its members, parameters or values */
  count: number;
  /** of structs: members may be bitfields; of enums: values are signed */
  flag: boolean;
  /** empty where it has none */
  name: string;
  /** id of the type it refers to; size in bytes where it has one */
  sizeOrType: number;
  /** what follows the type, and more */
  data: Buffer;
}

/**
 * BTF, <linux/btf.h>: a header, types one after the other (ids from 1), strings. That of a module goes on where its
 * base, the kernel's, ends: with ids and with strings. `btf-types.ts` says what the types are.
 */
export class Btf {
  readonly #bytes: Buffer;
  readonly #strings: Buffer;
  readonly #base: Btf | null;
  /** Id of the first type, and offset of the first string, that are not the base's. */
  readonly #firstId: number;
  readonly #firstString: number;
  /** Where each type begins, by id from `#firstId`. */
  readonly #starts: number[] = [];

  /** @throws RangeError when it is no BTF or cut short */
  constructor(bytes: Buffer, base: Btf | null = null) {
    if (bytes.length < 24 || bytes.readUInt16LE(0) !== magic) throw new RangeError('not BTF');
    const header = bytes.readUInt32LE(4);
    const types = header + bytes.readUInt32LE(8);
    const end = types + bytes.readUInt32LE(12);
    const strings = header + bytes.readUInt32LE(16);
    const stringsEnd = strings + bytes.readUInt32LE(20);
    if (end > bytes.length || stringsEnd > bytes.length) throw new RangeError('BTF cut short');
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
      if (at > end) throw new RangeError(`BTF type ${this.typeCount} ends behind the types`);
    }
  }

  /** The base's counted too: the last id. */
  get typeCount(): number {
    return this.#firstId - 1 + this.#starts.length;
  }

  /** The type of this kind and name, or null; not the base's. */
  find(kind: keyof typeof kinds, name: string): BtfType | null {
    // The name is looked for once; the types are then compared by its offset.
    const offset = this.#strings.indexOf(`\0${name}\0`, 0, 'latin1') + 1;
    if (offset === 0) return null;
    for (const [index, at] of this.#starts.entries())
      if (
        this.#bytes.readUInt32LE(at) === offset + this.#firstString &&
        ((this.#bytes[at + 7]! & 0x1f) as number) === kinds[kind]
      )
        return this.type(this.#firstId + index);
    return null;
  }

  /** @throws RangeError for an id that is not there */
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

  /** Names of an enum by value: struct btf_enum, u32 name, i32 value. */
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

  /** Type ids of the parameters behind a typedef of a pointer to a function: how BTF tells a tracepoint. */
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

  /** The string at an offset, as types and line information give them; empty where none is. */
  string(offset: number): string {
    if (this.#base !== null && offset < this.#firstString) return this.#base.string(offset);
    const start = offset - this.#firstString;
    const end = this.#strings.indexOf(0, start);
    // Source lines are UTF-8.
    return end < start ? '' : this.#strings.toString('utf8', start, end);
  }
}

/** @throws ENOENT when the kernel has none */
export const readVmlinuxBtf = async (): Promise<Btf> => new Btf(await readFile(vmlinuxPath));
