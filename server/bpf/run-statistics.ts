import { closeSync } from 'node:fs';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { bpf_enable_stats } from '../ffi/libbpf.ts';
import { checkBpfResult } from './bpf-error.ts';

const BPF_STATS_RUN_TIME = 0;

let holders = 0;
let fd = -1;

/** True while this process keeps BPF run statistics enabled. */
export const isHoldingRunStatistics = (): boolean => holders > 0;

/**
 * Enables the kernel's counting of runs and run time of all programs (BPF_ENABLE_STATS; its measured cost is within
 * noise). @returns a function that releases it; the last holder's call disables counting
 */
export function holdRunStatistics(): () => void {
  if (holders === 0)
    fd = recordOpenedDescriptor(
      checkBpfResult('enable BPF run statistics', bpf_enable_stats(BPF_STATS_RUN_TIME)),
      'BPF run statistics',
    );
  holders += 1;
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    holders -= 1;
    if (holders === 0) closeSync(fd);
  };
}
