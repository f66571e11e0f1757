'use client';

import { useEffect } from 'react';
import type { ActiveRules, StagedRules } from '../../../contract/rules.ts';
import {
  isRulesWorkingCopyModified,
  openRulesWorkingCopy,
  type RulesWorkingCopy,
  useRulesWorkingCopy,
} from './working-copy.ts';

/**
 * Keeps the editor's text in sync with the agent. Unmodified text follows the staged rules or, without staged rules,
 * the active ones. Modified text is kept, and `outdated` tells that other rules have been applied since the text was
 * opened.
 */
export function useSyncedRulesWorkingCopy(
  active: ActiveRules | undefined,
  staged: StagedRules | null | undefined,
) {
  const copy = useRulesWorkingCopy();
  const dirty = isRulesWorkingCopyModified(copy);
  useEffect(() => {
    if (active === undefined || staged === undefined) return;
    const next = createRulesWorkingCopy(active, staged);
    // Keeps rules that were just applied, although other rules may be staged.
    const applied = copy?.source === 'active' && copy.opened === (active.text ?? '');
    const same = copy?.etag === next.etag && (applied || copy.opened === next.opened);
    if (!dirty && !same) openRulesWorkingCopy(next);
  }, [active, staged, copy, dirty]);
  useEffect(() => {
    if (!dirty) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', warn);
    return () => removeEventListener('beforeunload', warn);
  }, [dirty]);
  return { copy, dirty, outdated: dirty && active !== undefined && copy?.etag !== active.etag };
}

/** Creates a working copy of the staged rules or, without staged rules, of the active ones. */
export function createRulesWorkingCopy(active: ActiveRules, staged: StagedRules | null): RulesWorkingCopy {
  const text = staged?.text ?? active.text ?? '';
  const source = staged === null ? 'active' : 'staged';
  return { text, opened: text, source, version: active.version, etag: active.etag };
}
