import os from 'node:os';

/** `podlane-debug-HOST-20261122T235900Z`: what a dump that begins now is called. */
export function dumpName(now: Date): string {
  const host = os
    .hostname()
    .replaceAll(/[^\w.-]/g, '_')
    .slice(0, 32);
  return `podlane-debug-${host}-${now.toISOString().replaceAll(/[-:]|\.\d+/g, '')}`;
}
