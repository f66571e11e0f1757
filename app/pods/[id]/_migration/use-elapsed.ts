'use client';

import { useEffect, useState } from 'react';
import type { Migration } from '../../../../contract/migration.ts';

/** How far the journal says a migration has come, ms since its start. */
const journalEnd = ({ steps }: Pick<Migration, 'steps'>): number =>
  Math.max(0, ...steps.map(({ startedMs, durationMs }) => (startedMs ?? 0) + (durationMs ?? 0)));

/**
 * Time since a migration started. It goes on from the journal's last word by this machine's clock, since the
 * node's may differ; it stands still when the migration has ended.
 */
export function useElapsed(migration: Migration): number {
  const [elapsed, setElapsed] = useState(() => journalEnd(migration));
  useEffect(() => {
    const known = journalEnd(migration);
    if (migration.state !== 'running') {
      setElapsed(migration.durationMs ?? known);
      return;
    }
    const heard = performance.now();
    let frame = requestAnimationFrame(function tick() {
      setElapsed(known + performance.now() - heard);
      frame = requestAnimationFrame(tick);
    });
    return () => cancelAnimationFrame(frame);
  }, [migration]);
  return elapsed;
}
