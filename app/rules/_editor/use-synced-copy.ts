'use client';

import { useEffect } from 'react';
import type { ActiveRules, StagedRules } from '../../../contract/rules.ts';
import { isDirty, openCopy, useWorkingCopy, type WorkingCopy } from './working-copy.ts';

/**
 * What is being written. Without changes it follows what the agent has: the staged, else the rules in force.
 * With changes it stays, and `outdated` says that the rules in force are others than those it began with.
 */
export function useSyncedCopy(active: ActiveRules | undefined, staged: StagedRules | null | undefined) {
  const copy = useWorkingCopy();
  const dirty = isDirty(copy);
  useEffect(() => {
    if (active === undefined || staged === undefined) return;
    const next = workingCopyOf(active, staged);
    // What was applied just now stays, although a staged may run beside it.
    const applied = copy?.source === 'active' && copy.opened === (active.text ?? '');
    const same = copy?.etag === next.etag && (applied || copy.opened === next.opened);
    if (!dirty && !same) openCopy(next);
  }, [active, staged, copy, dirty]);
  useEffect(() => {
    if (!dirty) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', warn);
    return () => removeEventListener('beforeunload', warn);
  }, [dirty]);
  return { copy, dirty, outdated: dirty && active !== undefined && copy?.etag !== active.etag };
}

/** The staged where there is one, else the rules in force. */
export function workingCopyOf(active: ActiveRules, staged: StagedRules | null): WorkingCopy {
  const text = staged?.text ?? active.text ?? '';
  const source = staged === null ? 'active' : 'staged';
  return { text, opened: text, source, version: active.version, etag: active.etag };
}
