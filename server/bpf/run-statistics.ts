import { closeSync } from 'node:fs';
import { bpf_enable_stats } from '../ffi/libbpf.ts';
import { checkResult } from './syscall.ts';

let holders = 0;
let fd = -1;

/** Whether this process keeps run statistics on. */
export const runStatisticsHeld = (): boolean => holders > 0;

/**
 * Has the kernel count runs and run time of all programs until the answered function is called
 * (BPF_ENABLE_STATS; measured cost within noise).
 */
export function holdRunStatistics(): () => void {
  if (holders === 0) fd = checkResult('turn BPF run statistics on', bpf_enable_stats(0));
  holders += 1;
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    holders -= 1;
    if (holders === 0) closeSync(fd);
  };
}
