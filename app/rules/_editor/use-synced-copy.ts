'use client';

import { useEffect } from 'react';
import type { ActiveRules, DraftRules } from '../../../contract/rules.ts';
import { isDirty, openCopy, useWorkingCopy, type WorkingCopy } from './working-copy.ts';

/**
 * What is being written. Without changes it follows what the agent has: the draft, else the rules in force.
 * With changes it stays, and `overtaken` says that the rules in force are others than those it began with.
 */
export function useSyncedCopy(active: ActiveRules | undefined, draft: DraftRules | null | undefined) {
  const copy = useWorkingCopy();
  const dirty = isDirty(copy);
  useEffect(() => {
    if (active === undefined || draft === undefined) return;
    const next = workingCopyOf(active, draft);
    // What was applied just now stays, although a draft may run beside it.
    const applied = copy?.source === 'active' && copy.opened === (active.text ?? '');
    const same = copy?.etag === next.etag && (applied || copy.opened === next.opened);
    if (!dirty && !same) openCopy(next);
  }, [active, draft, copy, dirty]);
  useEffect(() => {
    if (!dirty) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', warn);
    return () => removeEventListener('beforeunload', warn);
  }, [dirty]);
  return { copy, dirty, overtaken: dirty && active !== undefined && copy?.etag !== active.etag };
}

/** The draft where there is one, else the rules in force. */
export function workingCopyOf(active: ActiveRules, draft: DraftRules | null): WorkingCopy {
  const text = draft?.text ?? active.text ?? '';
  const source = draft === null ? 'active' : 'draft';
  return { text, opened: text, source, version: active.version, etag: active.etag };
}
