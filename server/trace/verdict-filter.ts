import { cidrContainsAddress, parseAddress, parseCidr } from '../../contract/cidr.ts';
import type { PodReference, Verdict, VerdictFilter } from '../../contract/verdict.ts';

/** Creates a predicate for verdicts that match the filter, which is parsed only once. */
export function createVerdictMatcher(filter: VerdictFilter): (verdict: Verdict) => boolean {
  const { pod, rule, address, port, protocol, verdict: kind, direction, set } = filter;
  const range = address === undefined ? null : parseCidr(address);
  const inRange = (family: 4 | 6 | null, text: string): boolean =>
    range === null || (family === range.family && cidrContainsAddress(range, parseAddress(text)));
  const isPod = (reference: PodReference | null): boolean =>
    reference !== null && (reference.id === pod || `${reference.namespace}.${reference.name}` === pod);
  return (verdict) => {
    const ends = [verdict.source, verdict.destination];
    if (kind !== undefined && verdict.kind !== kind) return false;
    if (direction !== undefined && verdict.direction !== direction) return false;
    if (set !== undefined && verdict.set !== set) return false;
    if (rule !== undefined && verdict.rule !== rule) return false;
    if (port !== undefined && !ends.some((end) => end.port === port)) return false;
    if (protocol !== undefined && verdict.protocolName !== protocol && String(verdict.protocol) !== protocol)
      return false;
    if (pod !== undefined && !isPod(verdict.pod) && !ends.some((end) => isPod(end.pod))) return false;
    return ends.some((end) => inRange(verdict.family, end.address));
  };
}
