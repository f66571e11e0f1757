import type { LegacyTableBytes } from '../../kernel/legacy-iptables.ts';
import { formatIpAddressBytes } from '../../netlink/ip-address.ts';
import type { ChainRule, NatTable, RuleConditions } from './nat-chains.ts';
import { parseXtMatch, parseXtTarget } from './xt-extensions.ts';

/** Offsets in struct ipt_entry and ip6t_entry, <linux/netfilter_ipv4/ip_tables.h> and its counterpart. */
const layouts = {
  iptables: {
    version: 'ipv4',
    address: 4,
    source: 0,
    destination: 4,
    sourceMask: 8,
    destinationMask: 12,
    input: 16,
    output: 32,
    protocol: 80,
    inverted: 83,
    target: 88,
    next: 90,
    matches: 112,
  },
  ip6tables: {
    version: 'ipv6',
    address: 16,
    source: 0,
    destination: 16,
    sourceMask: 32,
    destinationMask: 48,
    input: 64,
    output: 80,
    protocol: 128,
    inverted: 132,
    target: 140,
    next: 142,
    matches: 168,
  },
} as const;
/** Flags IPT_INV_*, the same for IPv6. */
const inverted = { input: 1, output: 2, source: 8, destination: 16, protocol: 64 } as const;
const nameBytes = 16;
/** struct xt_entry_match and xt_entry_target: u16 size, a name of 29 bytes, u8 revision, then the data. */
const extension = { name: 2, nameBytes: 29, revision: 31, data: 32 } as const;
/** Targets without a name are verdicts: an offset of the entry to jump to, or a negative code. */
const errorTarget = 'ERROR';
const hookChains = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;
const protocols: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'icmpv6',
  132: 'sctp',
};

/** Parses the table `nat` of iptables-legacy. Malformed entries end a chain. */
export function parseLegacyNatTable({ command, entries, hooks }: LegacyTableBytes): NatTable {
  const layout = layouts[command];
  const names = new Map<number, string>();
  const starts: { offset: number; name: string }[] = [];
  for (const { number, first } of hooks)
    starts.push({ offset: first, name: hookChains[number] ?? `hook ${number}` });
  for (const { offset, entry } of walk(entries, layout, 0)) {
    const { name, data } = targetOf(entry, layout);
    // A chain of its own begins behind an entry that has its name.
    if (name === errorTarget)
      starts.push({ offset: offset + entry.length, name: textAt(data, 0, data.length) });
  }
  for (const { offset, name } of starts) names.set(offset, name);
  const chains = new Map<string, ChainRule[]>();
  for (const { offset, name } of starts) {
    const rules: ChainRule[] = [];
    for (const { offset: at, entry } of walk(entries, layout, offset)) {
      if (at !== offset && names.has(at)) break;
      if (targetOf(entry, layout).name === errorTarget) break;
      const rule = parseEntry(entry, layout, names);
      if (rule) rules.push(rule);
    }
    chains.set(name, rules);
  }
  return {
    place: `${command} nat`,
    chains,
    entries: hooks.map(({ number }) => hookChains[number] ?? `hook ${number}`),
  };
}

type Layout = (typeof layouts)[keyof typeof layouts];

function* walk(entries: Buffer, layout: Layout, from: number): Generator<{ offset: number; entry: Buffer }> {
  for (let at = from; at + layout.matches <= entries.length; ) {
    const next = entries.readUInt16LE(at + layout.next);
    if (next < layout.matches || at + next > entries.length) return;
    yield { offset: at, entry: entries.subarray(at, at + next) };
    at += next;
  }
}

function targetOf(entry: Buffer, layout: Layout): { name: string; revision: number; data: Buffer } {
  const at = entry.readUInt16LE(layout.target);
  if (at + extension.data > entry.length) return { name: '', revision: 0, data: Buffer.alloc(0) };
  return {
    name: textAt(entry, at + extension.name, extension.nameBytes),
    revision: entry.readUInt8(at + extension.revision),
    data: entry.subarray(at + extension.data),
  };
}

function parseEntry(entry: Buffer, layout: Layout, names: ReadonlyMap<number, string>): ChainRule | null {
  const { name, revision, data } = targetOf(entry, layout);
  const conditions = parseConditions(entry, layout);
  if (name === '') {
    const jump = data.length >= 4 ? names.get(data.readInt32LE(0)) : undefined;
    return jump === undefined ? null : { conditions, jump };
  }
  const target = parseXtTarget(name, revision, data, layout.version);
  return target && { conditions, ...target };
}

function parseConditions(entry: Buffer, layout: Layout): RuleConditions {
  const flags = entry.readUInt8(layout.inverted);
  const not = (flag: number): string => (flags & flag ? 'not ' : '');
  const others: string[] = [];
  for (const [side, word] of [
    ['input', 'from'],
    ['output', 'to'],
  ] as const) {
    const device = textAt(entry, layout[side], nameBytes);
    if (device !== '') others.push(`${not(inverted[side])}${word} ${device}`);
  }
  const protocol = entry.readUInt16LE(layout.protocol);
  let port: string | null = null;
  const end = entry.readUInt16LE(layout.target);
  for (let at = layout.matches; at + extension.data <= end && at + extension.data <= entry.length; ) {
    const size = entry.readUInt16LE(at);
    if (size < extension.data || at + size > entry.length) break;
    const found = parseXtMatch(
      textAt(entry, at + extension.name, extension.nameBytes),
      entry.subarray(at + extension.data, at + size),
    );
    if (found && 'port' in found) port = found.port;
    else if (found) others.push(found.condition);
    at += size;
  }
  const address = (from: number, mask: number, flag: number): string[] => {
    const bytes = entry.subarray(mask, mask + layout.address);
    const prefix = bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    if (prefix === 0) return [];
    const text = formatIpAddressBytes(entry.subarray(from, from + layout.address));
    return [`${not(flag)}${prefix === layout.address * 8 ? text : `${text}/${prefix}`}`];
  };
  return {
    protocol:
      protocol === 0 ? null : `${not(inverted.protocol)}${protocols[protocol] ?? `protocol ${protocol}`}`,
    sources: address(layout.source, layout.sourceMask, inverted.source),
    destinations: address(layout.destination, layout.destinationMask, inverted.destination),
    port,
    others,
  };
}

const textAt = (bytes: Buffer, from: number, length: number): string =>
  bytes.toString('latin1', from, from + length).replace(/\0.*$/s, '');
