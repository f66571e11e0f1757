import { spawnSync } from 'node:child_process';

/** Tests whether the running kernel supports netkit by creating a device in a temporary namespace; needs root. */
export function kernelHasNetkit(): boolean {
  const made = spawnSync('unshare', ['--net', 'ip', 'link', 'add', 'nk', 'type', 'netkit']);
  return made.status === 0;
}
