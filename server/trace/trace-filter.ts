import { addressText, parseAddress } from '../../contract/cidr.ts';
import type { TraceProtocol, TraceFilter as Wanted } from '../../contract/trace.ts';
import type { TraceFilter } from '../acl/load/kernel-rules.ts';
import type { DecodedHeaders } from './packet-headers.ts';

const protocols: Record<Exclude<TraceProtocol, 'icmp'>, number> = { tcp: 6, udp: 17, sctp: 132 };
const protocolOf = (protocol: TraceProtocol, family: 4 | 6): number =>
  protocol === 'icmp' ? (family === 4 ? 1 : 58) : protocols[protocol];

const canonical = (address: string): string => addressText(parseAddress(address));
const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

/** The pod's addresses that packets of the filter may have. */
export const tracedAddresses = ({ address, family }: Wanted, own: readonly string[]): string[] => {
  const only = address === undefined ? family : familyOf(address);
  return only === undefined ? [...own] : own.filter((each) => familyOf(each) === only);
};

/**
 * What to ask of the programs. They go by one address: the other end's where it is asked for, else each of the pod's.
 * They may tell of more than is wanted, never of less. @param own addresses of the pod, of which some meet the filter
 */
export function kernelFilters(id: number, wanted: Wanted, own: readonly string[]): TraceFilter[] {
  const addresses = wanted.address === undefined ? tracedAddresses(wanted, own) : [canonical(wanted.address)];
  return addresses.map((address) => ({
    id,
    address,
    ...(wanted.port === undefined ? {} : { port: wanted.port }),
    ...(wanted.protocol === undefined ? {} : { protocol: protocolOf(wanted.protocol, familyOf(address)) }),
  }));
}

/** Whether it is a packet of the pod, and of the filter. */
export function traceMatcher(wanted: Wanted, own: readonly string[]): (headers: DecodedHeaders) => boolean {
  const peer = wanted.address === undefined ? null : canonical(wanted.address);
  const mine = new Set(own);
  return (headers) => {
    const ends = [headers.source, headers.destination];
    if (!ends.some((end) => mine.has(end))) return false;
    if (peer !== null && !ends.includes(peer)) return false;
    if (wanted.family !== undefined && wanted.family !== headers.family) return false;
    if (wanted.port !== undefined && ![headers.sourcePort, headers.destinationPort].includes(wanted.port))
      return false;
    return wanted.protocol === undefined || headers.protocol === protocolOf(wanted.protocol, headers.family);
  };
}
