'use client';

import { useEffect, useState } from 'react';
import type { Migration } from '../../../../contract/migration.ts';

/** Returns the end of the last step in the migration's journal, ms since the migration's start. */
const journalEnd = ({ steps }: Pick<Migration, 'steps'>): number =>
  Math.max(0, ...steps.map(({ startedMs, durationMs }) => (startedMs ?? 0) + (durationMs ?? 0)));

/**
 * Returns the time since a migration's start, ms. It advances from the last time in the journal by the browser's
 * clock, because the node's clock may differ, and stops when the migration ends.
 */
export function useMigrationElapsedTime(migration: Migration): number {
  const [elapsed, setElapsed] = useState(() => journalEnd(migration));
  useEffect(() => {
    const known = journalEnd(migration);
    if (migration.state !== 'running') {
      setElapsed(migration.durationMs ?? known);
      return;
    }
    const receivedAt = performance.now();
    let frame = requestAnimationFrame(function tick() {
      setElapsed(known + performance.now() - receivedAt);
      frame = requestAnimationFrame(tick);
    });
    return () => cancelAnimationFrame(frame);
  }, [migration]);
  return elapsed;
}
