'use client';

import { useSyncExternalStore } from 'react';

/** Rules being edited. Outlives the editor page, but not the browser tab. */
export interface WorkingCopy {
  text: string;
  /** Text when the copy was opened. */
  opened: string;
  source: 'active' | 'staged' | 'import' | 'example' | 'version';
  /** Version and ETag of the active rules that this text replaces. */
  version: number;
  etag: string;
}

let copy: WorkingCopy | null = null;
const listeners = new Set<() => void>();

/** Replaces the working copy; null discards it. */
export function openCopy(next: WorkingCopy | null): void {
  copy = next;
  for (const listener of listeners) listener();
}

/** Changes some fields of the working copy. */
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
