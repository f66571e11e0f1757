import { setTimeout as sleep } from 'node:timers/promises';
import { syscall } from '../ffi/libc.ts';
import { callForeignAsync } from './syscall.ts';

/** System call number of membarrier(2). */
const SYS_membarrier = process.arch === 'arm64' ? 283 : 324;
/** MEMBARRIER_CMD_GLOBAL, <linux/membarrier.h>: waits for an RCU grace period, like the kernel's synchronize_rcu(). */
const MEMBARRIER_CMD_GLOBAL = 1;
/** Time to wait, in ms, on kernels that refuse membarrier(2) (nohz_full); far longer than a BPF program runs. */
const fallbackMs = 100;

/** Waits for an RCU grace period, after which no running BPF program uses data that was replaced before the call. */
export async function waitForRcuGracePeriod(): Promise<void> {
  const result = await callForeignAsync(syscall, SYS_membarrier, MEMBARRIER_CMD_GLOBAL, null, 0);
  if (result < 0) await sleep(fallbackMs);
}
