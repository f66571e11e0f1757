import { compile, startInNamespace } from './traffic.ts';

/** One pinger's account, request by request; times in ms since the epoch. */
export interface Pings {
  family: 'ipv4' | 'ipv6';
  sent: Float64Array;
  /** By the kernel's time stamp; 0: lost. */
  arrived: Float64Array;
}

export interface RunningPing {
  count: number;
  intervalMs: number;
  /** Real-time; null: none. */
  priority: number | null;
}

/** Pings from a namespace, on time with a priority (`bench/pings.c`). Ends with its account. */
export async function startPing(
  netns: string,
  address: string,
  { count, intervalMs, priority }: RunningPing,
): Promise<Pings> {
  const child = startInNamespace({ netns, ...(priority === null ? {} : { priority }) }, [
    compile('pings'),
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

export const lostPings = ({ arrived }: Pings): number => arrived.filter((at) => at === 0).length;

/** The longest time between two moments that follow each other, of those that reach into the window. */
export function longestGap(moments: Float64Array, from: number, until: number): number {
  let longest = 0;
  let last = 0;
  for (const moment of moments) {
    if (moment === 0) continue;
    if (last !== 0 && moment >= from && last <= until) longest = Math.max(longest, moment - last);
    last = moment;
  }
  return longest;
}
