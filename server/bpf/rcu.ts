import { setTimeout as sleep } from 'node:timers/promises';
import { syscall } from '../ffi/libc.ts';
import { callAsync } from './syscall.ts';

/** The number of membarrier(2). */
const SYS_membarrier = process.arch === 'arm64' ? 283 : 324;
/** The command that waits as synchronize_rcu() does. */
const MEMBARRIER_CMD_GLOBAL = 1;
/** Far longer than a program runs, for kernels that refuse membarrier (nohz_full). */
const fallbackMs = 100;

/** Waits until all BPF programs that are running now have ended, so that none uses data replaced before the call. */
export async function waitForGracePeriod(): Promise<void> {
  const result = await callAsync(syscall, SYS_membarrier, MEMBARRIER_CMD_GLOBAL, null, 0);
  if (result < 0) await sleep(fallbackMs);
}
