import type { ReactNode } from 'react';

/** Result of an action, shown as a toast. */
export interface Notice {
  title: string;
  detail?: ReactNode;
  tone: 'done' | 'failed' | 'info';
  action?: { label: string; run: () => void };
}

/** A notice with the id under which it is closed. */
export interface ShownNotice extends Notice {
  id: number;
}
