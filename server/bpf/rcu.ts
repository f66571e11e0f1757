import { setTimeout as sleep } from 'node:timers/promises';
import { syscall } from '../ffi/libc.ts';
import { callAsync } from './syscall.ts';

/** The number of membarrier(2), and its command that waits as synchronize_rcu() does. */
const membarrier = process.arch === 'arm64' ? 283 : 324;
const everyCpu = 1;
/** Where a kernel refuses it (nohz_full): far longer than a program runs. */
const longEnoughMs = 100;

/** Waits until every program that runs now has ended: none of them still uses what was replaced before. */
export async function waitForGracePeriod(): Promise<void> {
  const answer = await callAsync(syscall, membarrier, everyCpu, null, 0);
  if (answer < 0) await sleep(longEnoughMs);
}
