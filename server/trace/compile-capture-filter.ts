import { parseAddress } from '../../contract/cidr.ts';
import { requireValue } from '../../contract/require-value.ts';
import type { TraceFilter } from '../../contract/trace.ts';

/**
 * Compiles capture filters to classic BPF, <linux/filter.h>. Offsets are from the network header (SKF_NET_OFF), so a
 * filter works on devices with and without link-layer headers. Ports of IPv6 packets with extension headers do not
 * match.
 */

const netOffset = -0x100000; // SKF_NET_OFF
const etherType = -0x1000; // SKF_AD_OFF + SKF_AD_PROTOCOL
const code = {
  loadWord: 0x20,
  loadHalf: 0x28,
  loadByte: 0x30,
  loadHalfAtX: 0x48,
  and: 0x54,
  shiftLeft: 0x64,
  toX: 0x07,
  setX: 0x01,
  ifEqual: 0x15,
  ifBits: 0x45,
  goTo: 0x05,
  answer: 0x06,
} as const;

const protocols = { tcp: 6, udp: 17, sctp: 132 } as const;
const ipv4 = 0x0800;
const ipv6 = 0x86dd;

type Label = string;
/**
 * One classic BPF instruction. `match` and `otherwise` are jump targets; a missing target means the next instruction.
 */
interface Instruction {
  op: number;
  value?: number;
  match?: Label;
  otherwise?: Label;
}
type Line = Instruction | { label: Label };

const load = (op: number, at: number): Instruction => ({ op, value: netOffset + at });
const equal = (value: number, match?: Label, otherwise?: Label): Instruction => ({
  op: code.ifEqual,
  value,
  ...(match ? { match } : {}),
  ...(otherwise ? { otherwise } : {}),
});

/** Returns the 32-bit words of an address in host byte order, as classic BPF loads them. */
function wordsOf(text: string): number[] {
  const { family, value } = parseAddress(text);
  const shifts = family === 4 ? [0n] : [96n, 64n, 32n, 0n];
  return shifts.map((shift) => Number((value >> shift) & 0xffff_ffffn));
}

/** Returns instructions that match a source or destination address. `name` makes the labels unique. */
function addressLines(name: string, text: string, source: number, destination: number): Line[] {
  const words = wordsOf(text);
  const at = (start: number, otherwise: Label): Line[] =>
    words.flatMap((word, i) => [load(code.loadWord, start + 4 * i), equal(word, undefined, otherwise)]);
  return [
    ...at(source, `${name} destination`),
    { op: code.goTo, match: `${name} address` },
    { label: `${name} destination` },
    ...at(destination, 'no'),
    { label: `${name} address` },
  ];
}

function protocolLines(name: string, protocol: TraceFilter['protocol'], icmp: number, at: number): Line[] {
  if (protocol === undefined) return [];
  return [
    load(code.loadByte, at),
    equal(protocol === 'icmp' ? icmp : protocols[protocol], `${name} protocol`, 'no'),
    { label: `${name} protocol` },
  ];
}

/** Returns instructions that match a source or destination port; register X holds the transport header offset. */
function portLines(name: string, port: number | undefined, protocolAt: number): Line[] {
  if (port === undefined) return [];
  return [
    load(code.loadByte, protocolAt),
    equal(protocols.tcp, `${name} ports`),
    equal(protocols.udp, `${name} ports`),
    equal(protocols.sctp, `${name} ports`, 'no'),
    { label: `${name} ports` },
    load(code.loadHalfAtX, 0),
    equal(port, 'yes'),
    load(code.loadHalfAtX, 2),
    equal(port, 'yes', 'no'),
  ];
}

const xOfIpv4: Line[] = [
  load(code.loadHalf, 6),
  { op: code.ifBits, value: 0x1fff, match: 'no' }, // a later fragment has no ports
  load(code.loadByte, 0),
  { op: code.and, value: 15 },
  { op: code.shiftLeft, value: 2 },
  { op: code.toX },
];

/** Assembles a classic BPF program that accepts `snaplen` bytes of each matching packet. */
function assemble({ address, family, port, protocol }: TraceFilter, snaplen: number): Line[] {
  const yes: Line[] = [{ label: 'yes' }, { op: code.answer, value: snaplen }];
  if (address === undefined && family === undefined && port === undefined && protocol === undefined)
    return yes;
  const only = address === undefined ? family : parseAddress(address).family;
  const end: Line = { op: code.goTo, match: 'yes' };
  return [
    { op: code.loadHalf, value: etherType },
    equal(ipv4, only === 6 ? 'no' : 'ipv4'),
    equal(ipv6, only === 4 ? 'no' : 'ipv6', 'no'),
    { label: 'ipv4' },
    ...(only === 6
      ? []
      : [
          ...(address === undefined ? [] : addressLines('ipv4', address, 12, 16)),
          ...protocolLines('ipv4', protocol, 1, 9),
          ...(port === undefined ? [] : xOfIpv4),
          ...portLines('ipv4', port, 9),
          end,
        ]),
    { label: 'ipv6' },
    ...(only === 4
      ? []
      : [
          ...(address === undefined ? [] : addressLines('ipv6', address, 8, 24)),
          ...protocolLines('ipv6', protocol, 58, 6),
          ...(port === undefined ? [] : [{ op: code.setX, value: 40 }]),
          ...portLines('ipv6', port, 6),
          end,
        ]),
    ...yes,
    { label: 'no' },
    { op: code.answer, value: 0 },
  ];
}

/**
 * Compiles a capture filter to an array of struct sock_filter (u16 code, u8 jt, u8 jf, u32 k), with relative forward
 * jumps.
 */
export function compileCaptureFilter(filter: TraceFilter, snaplen: number): Buffer {
  const steps: Instruction[] = [];
  const labels = new Map<Label, number>();
  for (const line of assemble(filter, snaplen)) {
    if ('label' in line) labels.set(line.label, steps.length);
    else steps.push(line);
  }
  const out = Buffer.alloc(steps.length * 8);
  steps.forEach(({ op, value = 0, match, otherwise }, i) => {
    const distance = (label: Label | undefined): number =>
      label === undefined ? 0 : requireValue(labels.get(label), `label ${label}`) - i - 1;
    out.writeUInt16LE(op, i * 8);
    if (op === code.goTo) out.writeUInt32LE(distance(match), i * 8 + 4);
    else {
      out.writeUInt8(distance(match), i * 8 + 2);
      out.writeUInt8(distance(otherwise), i * 8 + 3);
      out.writeUInt32LE(value >>> 0, i * 8 + 4);
    }
  });
  return out;
}

/** Formats a capture filter as a tcpdump expression; the text is empty if all packets match. */
export function formatTcpdumpFilter({ address, family, port, protocol }: TraceFilter): string {
  const words: string[] = [];
  if (family !== undefined) words.push(family === 4 ? 'ip' : 'ip6');
  if (protocol !== undefined) words.push(protocol === 'icmp' ? '(icmp or icmp6)' : protocol);
  if (address !== undefined) words.push(`host ${address}`);
  if (port !== undefined) words.push(`port ${port}`);
  return words.join(' and ');
}
