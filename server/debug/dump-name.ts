import os from 'node:os';

/** Formats the name of a dump that starts now: `podlane-debug-HOST-20261122T235900Z`. */
export function formatDebugDumpName(now: Date): string {
  const host = os
    .hostname()
    .replaceAll(/[^\w.-]/g, '_')
    .slice(0, 32);
  return `podlane-debug-${host}-${now.toISOString().replaceAll(/[-:]|\.\d+/g, '')}`;
}
