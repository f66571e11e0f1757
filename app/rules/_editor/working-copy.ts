'use client';

import { useSyncExternalStore } from 'react';

/** Rules being edited. The working copy outlives the editor page, but not the browser tab. */
export interface RulesWorkingCopy {
  text: string;
  /** Text of the working copy when it was opened. */
  opened: string;
  source: 'active' | 'staged' | 'import' | 'example' | 'version';
  /** Version of the active rules that the text will replace; `etag` is their ETag. */
  version: number;
  etag: string;
}

let copy: RulesWorkingCopy | null = null;
const listeners = new Set<() => void>();

/** Replaces the editor's working copy; null discards it. */
export function openRulesWorkingCopy(next: RulesWorkingCopy | null): void {
  copy = next;
  for (const listener of listeners) listener();
}

/** Updates some fields of the editor's working copy. */
export function updateRulesWorkingCopy(change: Partial<RulesWorkingCopy>): void {
  if (copy !== null) openRulesWorkingCopy({ ...copy, ...change });
}

export const isRulesWorkingCopyModified = (of: RulesWorkingCopy | null): boolean =>
  of !== null && of.text !== of.opened;

export const useRulesWorkingCopy = (): RulesWorkingCopy | null =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => copy,
    () => null,
  );
