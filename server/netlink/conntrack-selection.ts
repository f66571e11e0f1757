import { cta, ctaIp, ctaTuple } from './conntrack-attributes.ts';
import { ipAddressToBytes } from './ip-address.ts';
import type { NetlinkAttributeReader, NetlinkMessageReader } from './message.ts';
import { readBigEndian32 } from './netfilter-message.ts';
import { nfgenmsg } from './netlink-structs.ts';

/** Selects entries of a large connection table by fields that are read before an entry is parsed. */
export interface ConntrackSelection {
  /** Status bits IPS_* that an entry must have, all of them. */
  status?: number;
  /** Addresses of which replies must come from (`source`) or go to (`destination`) one. */
  reply?: { field: 'source' | 'destination'; addresses: readonly string[] };
}

const addressTypes = {
  source: [ctaIp.ipv4Source, ctaIp.ipv6Source],
  destination: [ctaIp.ipv4Destination, ctaIp.ipv6Destination],
} as const;

/** Returns a test of IPCTNL_MSG_CT_NEW messages. @throws RangeError for what is no IP address */
export function compileConntrackSelection({
  status = 0,
  reply,
}: ConntrackSelection): (message: NetlinkMessageReader) => boolean {
  const [ipv4, ipv6] = addressTypes[reply?.field ?? 'source'];
  const addresses = new Set(
    (reply?.addresses ?? []).map((address) => Buffer.from(ipAddressToBytes(address)).toString('latin1')),
  );
  const hasAddress = (tuple: NetlinkAttributeReader): boolean => {
    while (tuple.next()) {
      if (tuple.type !== ctaTuple.ip) continue;
      const fields = tuple.nested();
      while (fields.next())
        if (fields.type === ipv4 || fields.type === ipv6)
          return addresses.has(fields.bytes().toString('latin1'));
    }
    return false;
  };
  return (message) => {
    const attributes = message.attributes(nfgenmsg.bytes);
    let statusMatches = status === 0;
    let replyMatches = reply === undefined;
    while (attributes.next())
      if (attributes.type === cta.status) statusMatches = (readBigEndian32(attributes) & status) === status;
      else if (attributes.type === cta.tupleReply) replyMatches ||= hasAddress(attributes.nested());
    return statusMatches && replyMatches;
  };
}
