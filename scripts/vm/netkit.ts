import { spawnSync } from 'node:child_process';

/** Whether the running kernel makes netkit devices, found by making one in a namespace that goes at once. Needs root. */
export function hasNetkit(): boolean {
  const made = spawnSync('unshare', ['--net', 'ip', 'link', 'add', 'nk', 'type', 'netkit']);
  return made.status === 0;
}
