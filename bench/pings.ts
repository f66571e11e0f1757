import { compileBenchProgram, startInNamespace } from './traffic.ts';

/** Times at which one pinger's requests were sent and answered, in ms since the epoch. */
export interface PingTimes {
  family: 'ipv4' | 'ipv6';
  sent: Float64Array;
  /** Arrival time of each reply by the kernel's time stamp; 0 for a lost reply. */
  arrived: Float64Array;
}

export interface PingOptions {
  count: number;
  intervalMs: number;
  /** Real-time priority of the pinger; null for the normal scheduling policy. */
  priority: number | null;
}

/** Pings an address from a network namespace with `bench/pings.c` and returns the times once all requests are done. */
export async function runPings(
  netns: string,
  address: string,
  { count, intervalMs, priority }: PingOptions,
): Promise<PingTimes> {
  const child = startInNamespace({ netns, ...(priority === null ? {} : { priority }) }, [
    compileBenchProgram('pings'),
    address,
    String(count),
    String(intervalMs),
  ]);
  let output = '';
  for await (const chunk of child.stdout!) output += chunk;
  const rows = output.trimEnd().split('\n');
  if (rows.length !== count) throw new Error(`ping ${address}: ${rows.length} of ${count} requests made`);
  const column = (index: number): Float64Array =>
    Float64Array.from(rows, (row) => Number(row.split(' ')[index]));
  return { family: address.includes(':') ? 'ipv6' : 'ipv4', sent: column(0), arrived: column(1) };
}

export const countLostPings = ({ arrived }: PingTimes): number => arrived.filter((at) => at === 0).length;

/** Returns the longest gap between consecutive times, among gaps that overlap the window from `from` to `until`. */
export function findLongestTimeGap(moments: Float64Array, from: number, until: number): number {
  let longest = 0;
  let last = 0;
  for (const moment of moments) {
    if (moment === 0) continue;
    if (last !== 0 && moment >= from && last <= until) longest = Math.max(longest, moment - last);
    last = moment;
  }
  return longest;
}
