import { formatIpAddress, parseAddress } from '../../contract/cidr.ts';
import type { TraceProtocol, TraceFilter as Wanted } from '../../contract/trace.ts';
import type { PacketTraceFilter } from '../bpf/packet-events.ts';
import type { DecodedPacketHeaders } from './packet-headers.ts';

const protocols: Record<Exclude<TraceProtocol, 'icmp'>, number> = { tcp: 6, udp: 17, sctp: 132 };
const protocolOf = (protocol: TraceProtocol, family: 4 | 6): number =>
  protocol === 'icmp' ? (family === 4 ? 1 : 58) : protocols[protocol];

const canonical = (address: string): string => formatIpAddress(parseAddress(address));
const familyOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

/** Returns the addresses of a pod that packets matching the filter can have. */
export const selectTracedAddresses = ({ address, family }: Wanted, own: readonly string[]): string[] => {
  const only = address === undefined ? family : familyOf(address);
  return only === undefined ? [...own] : own.filter((each) => familyOf(each) === only);
};

/**
 * Returns the filters for the BPF programs. Each matches one address: the peer's if given, else each address of the
 * pod. They may match more packets than wanted, never fewer. @param own addresses of the pod, some of which match
 */
export function buildKernelTraceFilters(
  id: number,
  wanted: Wanted,
  own: readonly string[],
): PacketTraceFilter[] {
  const addresses =
    wanted.address === undefined ? selectTracedAddresses(wanted, own) : [canonical(wanted.address)];
  return addresses.map((address) => ({
    id,
    address,
    ...(wanted.port === undefined ? {} : { port: wanted.port }),
    ...(wanted.protocol === undefined ? {} : { protocol: protocolOf(wanted.protocol, familyOf(address)) }),
  }));
}

/** Creates a predicate for packets of the pod that match the filter. */
export function createTraceMatcher(
  wanted: Wanted,
  own: readonly string[],
): (headers: DecodedPacketHeaders) => boolean {
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
