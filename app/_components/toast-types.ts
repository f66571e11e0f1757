import type { ReactNode } from 'react';

/** Result of an action, shown as a toast. */
export interface ToastMessage {
  title: string;
  detail?: ReactNode;
  tone: 'done' | 'failed' | 'info';
  action?: { label: string; run: () => void };
}

/** Toast message on screen, with the id by which it is closed. */
export interface OpenToast extends ToastMessage {
  id: number;
}
