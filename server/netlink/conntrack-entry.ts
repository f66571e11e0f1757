import { cta, ctaHelp } from './conntrack-attributes.ts';
import { type ConntrackTuple, formatConntrackTuple, parseConntrackTuple } from './conntrack-tuple.ts';
import { decodeIpFamily } from './ip-address.ts';
import {
  MalformedNetlinkMessage,
  type NetlinkAttributeReader,
  type NetlinkMessageReader,
} from './message.ts';
import { readBigEndian16, readBigEndian32 } from './netfilter-message.ts';
import { nfgenmsg } from './netlink-structs.ts';

/** An entry of the kernel's connection table. */
export interface ConntrackEntry {
  original: ConntrackTuple;
  reply: ConntrackTuple;
  /** Status bits IPS_*. */
  status: number;
  /** Seconds until the entry expires. */
  timeout: number;
  /** Number of the entry (CTA_ID). One that follows it with the same original tuple may have the same. */
  id: number;
  mark: number;
  /** Conntrack zone of both directions; 0 is the default one. */
  zone: number;
  /** Name of the conntrack helper (CTA_HELP), such as `ftp`; null without one. */
  helper: string | null;
  /** Connection that this one was expected by; null for a connection of its own. */
  master: ConntrackTuple | null;
  /**
   * Values of all attributes as the kernel dumped them, by CTA_* number: what has no type here is carried as it is.
   */
  attributes: ReadonlyMap<number, Buffer>;
}

/** Parses IPCTNL_MSG_CT_NEW; null for families other than IPv4 and IPv6. @throws MalformedNetlinkMessage */
export function parseConntrackEntry(message: NetlinkMessageReader): ConntrackEntry | null {
  const attributes = message.attributes(nfgenmsg.bytes);
  const family = decodeIpFamily(message.buffer.readUInt8(message.start + nfgenmsg.nfgen_family));
  if (family === null) return null;
  const tuples = new Map<number, ConntrackTuple>();
  const values = new Map<number, Buffer>();
  const entry = { status: 0, timeout: 0, id: 0, mark: 0, zone: 0, helper: null as string | null };
  while (attributes.next()) {
    values.set(attributes.type, Buffer.from(attributes.bytes()));
    switch (attributes.type) {
      case cta.tupleOriginal:
      case cta.tupleReply:
      case cta.tupleMaster:
        tuples.set(attributes.type, parseConntrackTuple(attributes.nested(), family));
        break;
      case cta.status:
        entry.status = readBigEndian32(attributes);
        break;
      case cta.timeout:
        entry.timeout = readBigEndian32(attributes);
        break;
      case cta.id:
        entry.id = readBigEndian32(attributes);
        break;
      case cta.mark:
        entry.mark = readBigEndian32(attributes);
        break;
      case cta.zone:
        entry.zone = readBigEndian16(attributes);
        break;
      case cta.help:
        entry.helper = parseHelperName(attributes.nested());
    }
  }
  const original = tuples.get(cta.tupleOriginal);
  const reply = tuples.get(cta.tupleReply);
  if (original === undefined || reply === undefined)
    throw new MalformedNetlinkMessage('conntrack entry without tuples');
  return {
    original,
    reply,
    status: entry.status,
    timeout: entry.timeout,
    id: entry.id,
    mark: entry.mark,
    zone: entry.zone,
    helper: entry.helper,
    master: tuples.get(cta.tupleMaster) ?? null,
    attributes: values,
  };
}

function parseHelperName(attributes: NetlinkAttributeReader): string | null {
  while (attributes.next()) if (attributes.type === ctaHelp.name) return attributes.string();
  return null;
}

/** Formats an entry as `tcp 10.9.0.2:40312 → 10.9.0.1:30080 (replies from 10.42.0.2:80 to 10.42.0.1:1024)`. */
export function formatConntrackEntry({ original, reply, zone }: ConntrackEntry): string {
  const answer = formatConntrackTuple(reply)
    .replace(/^(protocol )?\S+ /, '')
    .replace(' → ', ' to ');
  return `${formatConntrackTuple(original)}${zone === 0 ? '' : ` zone ${zone}`} (replies from ${answer})`;
}
