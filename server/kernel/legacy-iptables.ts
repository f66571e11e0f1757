import { readFileSync } from 'node:fs';
import { close, getsockopt, socket } from '../ffi/libc.ts';
import { runInNetworkNamespace } from '../netlink/setns.ts';

const SOCK_RAW_CLOEXEC = 0x8_0003;
const IPPROTO_RAW = 255;
/** Options IPT_SO_GET_INFO and IPT_SO_GET_ENTRIES, and the same of IPv6, <linux/netfilter_ipv4/ip_tables.h>. */
const getInfo = 64;
const getEntries = 65;
/** Size of struct ipt_getinfo, and offset in it of the size of the table's entries. */
const infoBytes = 84;
const infoSize = 80;
/** Offsets in struct ipt_getinfo: mask of the hooks, and for each its first entry and that of its policy. */
const infoHooks = { valid: 32, first: 36, policy: 56 } as const;
/** Offset of the entries in struct ipt_get_entries, behind the name and the size at 32. */
const entriesStart = 40;
const tableNameBytes = 32;
const nameBytes = 16;
/** Flags IPT_INV_VIA_IN and IPT_INV_VIA_OUT. */
const inverted = { input: 1, output: 2 } as const;
const maxTableBytes = 1 << 26;

/** Offsets in struct ipt_entry and struct ip6t_entry. */
const families = {
  iptables: {
    names: 'ip_tables_names',
    domain: 2,
    level: 0,
    device: { input: 16, output: 32 },
    mask: { input: 48, output: 64 },
    inversion: 83,
    next: 90,
  },
  ip6tables: {
    names: 'ip6_tables_names',
    domain: 10,
    level: 41,
    device: { input: 64, output: 80 },
    mask: { input: 96, output: 112 },
    inversion: 132,
    next: 142,
  },
} as const;
type Family = (typeof families)[keyof typeof families];

/** A table of iptables-legacy in a namespace. */
export interface LegacyTable {
  command: keyof typeof families;
  name: string;
  /** Number of rules that match one of the two names but not the other; null if the table could not be read. */
  differing: number | null;
}

/** Lists the tables of iptables-legacy that a namespace uses, with the rules that treat two device names differently. */
export const listLegacyTables = (namespaceFd: number, device: string, other: string): LegacyTable[] =>
  runInNetworkNamespace(namespaceFd, () =>
    (['iptables', 'ip6tables'] as const).flatMap((command) =>
      readNames(families[command].names).map((name) => ({
        command,
        name,
        differing: countDiffering(families[command], name, device, other),
      })),
    ),
  );

/** The bytes of a table of iptables-legacy. */
export interface LegacyTableBytes {
  command: keyof typeof families;
  /** Entries, struct ipt_entry or ip6t_entry one after the other. */
  entries: Buffer;
  /** Offsets of the first entries of the built-in chains by their number (NF_INET_*), and of the entry of their policies. */
  hooks: { number: number; first: number; policy: number }[];
}

/** Reads a table of iptables-legacy of this namespace, for IPv4 and IPv6; null where it cannot be read, none without it. */
export const readLegacyTables = (table: string): (LegacyTableBytes | null)[] =>
  (['iptables', 'ip6tables'] as const).flatMap((command) => {
    if (!readNames(families[command].names).includes(table)) return [];
    const read = readTable(families[command], table);
    if (read === null) return [null];
    const { info, entries } = read;
    const valid = info.readUInt32LE(infoHooks.valid);
    const hooks = [0, 1, 2, 3, 4]
      .filter((number) => (valid & (1 << number)) !== 0)
      .map((number) => ({
        number,
        first: info.readUInt32LE(infoHooks.first + 4 * number),
        policy: info.readUInt32LE(infoHooks.policy + 4 * number),
      }));
    return [{ command, entries, hooks }];
  });

/** Reads /proc/net/FILE; no names where the kernel has not loaded that firewall. */
function readNames(file: string): string[] {
  try {
    return readFileSync(`/proc/thread-self/net/${file}`, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

function countDiffering(family: Family, table: string, device: string, other: string): number | null {
  const entries = readTable(family, table)?.entries;
  if (entries === undefined) return null;
  let count = 0;
  for (let at = 0; at + family.next + 2 <= entries.length; ) {
    const entry = entries.subarray(at);
    const matches = (name: string): boolean =>
      matchesDevice(family, entry, 'input', name) && matchesDevice(family, entry, 'output', name);
    if (matches(device) !== matches(other)) count++;
    const next = entry.readUInt16LE(family.next);
    if (next === 0) break;
    at += next;
  }
  return count;
}

function matchesDevice(family: Family, entry: Buffer, direction: 'input' | 'output', name: string): boolean {
  const padded = Buffer.alloc(nameBytes);
  padded.write(name, 'utf8');
  const wanted = entry.subarray(family.device[direction], family.device[direction] + nameBytes);
  const mask = entry.subarray(family.mask[direction], family.mask[direction] + nameBytes);
  const equal = padded.every((byte, i) => ((byte ^ (wanted[i] ?? 0)) & (mask[i] ?? 0)) === 0);
  return equal !== ((entry.readUInt8(family.inversion) & inverted[direction]) !== 0);
}

/** Reads a table; null if the kernel refuses, or the table changed in between. */
function readTable({ domain, level }: Family, table: string): { info: Buffer; entries: Buffer } | null {
  const fd = socket(domain, SOCK_RAW_CLOEXEC, IPPROTO_RAW);
  if (fd < 0) return null;
  try {
    const info = Buffer.alloc(infoBytes);
    info.write(table, 0, tableNameBytes - 1, 'utf8');
    if (getsockopt(fd, level, getInfo, info, lengthOf(info)) < 0) return null;
    const size = info.readUInt32LE(infoSize);
    if (size > maxTableBytes) return null;
    const entries = Buffer.alloc(entriesStart + size);
    entries.write(table, 0, tableNameBytes - 1, 'utf8');
    entries.writeUInt32LE(size, tableNameBytes);
    if (getsockopt(fd, level, getEntries, entries, lengthOf(entries)) < 0) return null;
    return { info, entries: entries.subarray(entriesStart) };
  } finally {
    close(fd);
  }
}

const lengthOf = (value: Buffer): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value.length);
  return bytes;
};
