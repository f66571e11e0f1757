import type { BpfMapDetail } from '../../contract/map.ts';
import { addressText } from '../bpf/address.ts';
import { btfObject } from '../bpf/btf-object.ts';
import type { MapInfo } from '../bpf/map.ts';
import { Btf } from '../kernel/btf.ts';
import { declaration, typeName, valueType } from '../kernel/btf-types.ts';
import { decodeValue, type TypedValue } from '../kernel/btf-value.ts';

/** How the keys and values of a map are read: by their BTF types, or as hex. */
export interface MapTypes {
  btf: Btf | null;
  key: number;
  value: number;
  /** why there is no BTF; null where there is */
  untyped: string | null;
}

/** Never throws: BTF that cannot be read is said to be none. */
export function mapTypes({ btfId, keyTypeId, valueTypeId, valueBytes, keyBytes }: MapInfo): MapTypes {
  const none = (untyped: string): MapTypes => ({ btf: null, key: 0, value: 0, untyped });
  if (btfId === 0) return none('it was made without BTF');
  try {
    const object = btfObject(btfId);
    if (object === null) return none(`its BTF ${btfId} is gone`);
    const btf = new Btf(object.bytes);
    // Global data has a value type alone; its key is the number 0.
    if (keyTypeId !== 0 && valueType(btf, keyTypeId).bytes !== keyBytes)
      return none(`its BTF tells keys of another length than ${keyBytes}`);
    if (valueTypeId !== 0 && valueType(btf, valueTypeId).bytes > valueBytes)
      return none(`its BTF tells values of another length than ${valueBytes}`);
    return { btf, key: keyTypeId, value: valueTypeId, untyped: null };
  } catch (error) {
    return none(`its BTF ${btfId} cannot be read: ${(error as Error).message}`);
  }
}

export const typeTexts = ({
  btf,
  key,
  value,
  untyped,
}: MapTypes): Pick<BpfMapDetail, 'keyType' | 'valueType' | 'untyped'> => {
  const text = (id: number) =>
    btf === null || id === 0 ? null : { name: typeName(btf, id), declaration: declaration(btf, id) };
  return { keyType: text(key), valueType: text(value), untyped };
};

/** By its type; an untyped key of 4 bytes as a number, as arrays have them; else hex. */
export function readTyped(btf: Btf | null, id: number, bytes: Buffer): TypedValue {
  if (btf !== null && id !== 0) return decodeValue(btf, id, bytes);
  return `0x${bytes.toString('hex')}`;
}

export const readKey = ({ btf, key }: MapTypes, bytes: Buffer, isArray: boolean): TypedValue =>
  isArray && (btf === null || key === 0) ? bytes.readUInt32LE(0) : readTyped(btf, key, bytes);

/** A key on one line: a prefix of an LPM trie, addresses as such, members as name=value. */
export function keyText({ btf, key }: MapTypes, type: string, bytes: Buffer, typed: TypedValue): string {
  if (type === 'lpm_trie' && (bytes.length === 8 || bytes.length === 20))
    return `${addressText(bytes.subarray(4))}/${bytes.readUInt32LE(0)}`;
  if (btf === null || key === 0) return String(typed);
  return lineOf(btf, key, bytes, typed);
}

function lineOf(btf: Btf, id: number, bytes: Buffer, typed: TypedValue): string {
  const name = typeName(btf, id);
  // A type that is called an address, of the length of one.
  if (bytes.length === 4 && name === '__be32') return addressText(bytes);
  if (bytes.length === 16 && /addr/i.test(name)) return addressText(bytes);
  const type = valueType(btf, id);
  if (type.kind !== 'struct' || typeof typed !== 'object' || typed === null || Array.isArray(typed))
    return typeof typed === 'object' ? JSON.stringify(typed) : String(typed);
  return type.members
    .filter(({ name: member, bits }) => member !== '' && bits === 0)
    .map(({ name: member, type: of, bitOffset }) => {
      const from = bitOffset / 8;
      const part = bytes.subarray(from, from + valueType(btf, of).bytes);
      return `${member}=${lineOf(btf, of, part, typed[member] ?? null)}`;
    })
    .join(' ');
}
