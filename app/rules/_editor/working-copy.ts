'use client';

import { useSyncExternalStore } from 'react';

/** A text of rules that is being written. It outlives the page of the editor, not the tab. */
export interface WorkingCopy {
  text: string;
  /** What it was when it was opened. */
  opened: string;
  source: 'active' | 'staged' | 'import' | 'example' | 'version';
  /** The version that was active then, and its ETag: what it is to replace. */
  version: number;
  etag: string;
}

let copy: WorkingCopy | null = null;
const listeners = new Set<() => void>();

/** Replaces what is being written; null forgets it. */
export function openCopy(next: WorkingCopy | null): void {
  copy = next;
  for (const listener of listeners) listener();
}

/** Changes a part of it. */
export function changeCopy(change: Partial<WorkingCopy>): void {
  if (copy !== null) openCopy({ ...copy, ...change });
}

export const isDirty = (of: WorkingCopy | null): boolean => of !== null && of.text !== of.opened;

export const useWorkingCopy = (): WorkingCopy | null =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => copy,
    () => null,
  );
