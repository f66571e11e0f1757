import type { BpfMapDetail } from '../../contract/bpf-map.ts';
import { decodeIpAddress } from '../bpf/address-encoding.ts';
import { Btf } from '../bpf/btf.ts';
import { type DecodedBtfValue, decodeBtfValue } from '../bpf/btf-decode.ts';
import { formatCDeclaration, formatCTypeName, resolveBtfValueType } from '../bpf/btf-resolve.ts';
import { readLoadedBtf } from '../bpf/loaded-btf.ts';
import type { BpfMapInfo } from '../bpf/map-info.ts';

/** BTF types of a map's keys and values. Without BTF, keys and values are shown as hex. */
export interface BtfMapTypes {
  btf: Btf | null;
  key: number;
  value: number;
  /** Reason why there is no usable BTF; null if there is. */
  untyped: string | null;
}

/** Reads the BTF types of a map. Never throws; the result's `untyped` says why BTF is missing or unusable. */
export function readBtfMapTypes({
  btfId,
  keyTypeId,
  valueTypeId,
  valueBytes,
  keyBytes,
}: BpfMapInfo): BtfMapTypes {
  const none = (untyped: string): BtfMapTypes => ({ btf: null, key: 0, value: 0, untyped });
  if (btfId === 0) return none('it was created without BTF');
  try {
    const object = readLoadedBtf(btfId);
    if (object === null) return none(`its BTF ${btfId} is gone`);
    const btf = new Btf(object.bytes);
    // Global data has only a value type; its key is the index 0.
    if (keyTypeId !== 0 && resolveBtfValueType(btf, keyTypeId).bytes !== keyBytes)
      return none(`its BTF describes keys of another size than ${keyBytes}`);
    if (valueTypeId !== 0 && resolveBtfValueType(btf, valueTypeId).bytes > valueBytes)
      return none(`its BTF describes values of another size than ${valueBytes}`);
    return { btf, key: keyTypeId, value: valueTypeId, untyped: null };
  } catch (error) {
    return none(`its BTF ${btfId} cannot be read: ${(error as Error).message}`);
  }
}

export const formatTypeDeclarations = ({
  btf,
  key,
  value,
  untyped,
}: BtfMapTypes): Pick<BpfMapDetail, 'keyType' | 'valueType' | 'untyped'> => {
  const text = (id: number) =>
    btf === null || id === 0
      ? null
      : { name: formatCTypeName(btf, id), declaration: formatCDeclaration(btf, id) };
  return { keyType: text(key), valueType: text(value), untyped };
};

/** Decodes the bytes of a map key or value by BTF type; returns hex if there is no type. */
export function decodeTypedValue(btf: Btf | null, id: number, bytes: Buffer): DecodedBtfValue {
  if (btf !== null && id !== 0) return decodeBtfValue(btf, id, bytes);
  return `0x${bytes.toString('hex')}`;
}

export const decodeMapKey = ({ btf, key }: BtfMapTypes, bytes: Buffer, isArray: boolean): DecodedBtfValue =>
  isArray && (btf === null || key === 0) ? bytes.readUInt32LE(0) : decodeTypedValue(btf, key, bytes);

/** Formats a map key on one line: addresses and LPM trie prefixes as text, other structs as name=value pairs. */
export function formatMapKey(
  { btf, key }: BtfMapTypes,
  type: string,
  bytes: Buffer,
  typed: DecodedBtfValue,
): string {
  if (type === 'lpm_trie' && (bytes.length === 8 || bytes.length === 20)) return prefixText(bytes);
  if (btf === null || key === 0) return String(typed);
  return lineOf(btf, key, bytes, typed, '');
}

const mapped = /^::ffff:(?=\d+\.)/;

/**
 * Formats a struct bpf_lpm_trie_key (u32 length, address) as a CIDR; IPv4-mapped IPv6 (RFC 4291, section 2.5.5.2) as
 * IPv4.
 */
function prefixText(bytes: Buffer): string {
  const [address, length] = [decodeIpAddress(bytes.subarray(4)), bytes.readUInt32LE(0)];
  return mapped.test(address) && length >= 96
    ? `${address.replace(mapped, '')}/${length - 96}`
    : `${address}/${length}`;
}

/** Returns true if a value is taken for an IP address, going by its size and its BTF type or member name. */
const isAddress = (bytes: Buffer, type: string, member: string): boolean =>
  (bytes.length === 4 && type === '__be32') ||
  (bytes.length === 16 && /addr/i.test(type)) ||
  (bytes.length === 16 && /addr|peer|source|destination/i.test(member));

function lineOf(btf: Btf, id: number, bytes: Buffer, typed: DecodedBtfValue, member: string): string {
  if (isAddress(bytes, formatCTypeName(btf, id), member)) return decodeIpAddress(bytes).replace(mapped, '');
  const type = resolveBtfValueType(btf, id);
  if (type.kind !== 'struct' || typeof typed !== 'object' || typed === null || Array.isArray(typed))
    return typeof typed === 'object' ? JSON.stringify(typed) : String(typed);
  return type.members
    .filter(({ name, bits }) => name !== '' && bits === 0)
    .map(({ name, type: of, bitOffset }) => {
      const from = bitOffset / 8;
      const part = bytes.subarray(from, from + resolveBtfValueType(btf, of).bytes);
      return `${name}=${lineOf(btf, of, part, typed[name] ?? null, name)}`;
    })
    .join(' ');
}
