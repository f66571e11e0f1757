'use client';

import { lazy, Suspense, useSyncExternalStore } from 'react';
import type { OpenToast, ToastMessage } from './toast-types.ts';

let notices: readonly OpenToast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function set(next: typeof notices): void {
  notices = next;
  for (const listener of listeners) listener();
}

/** Shows a toast with the result of an action. Not needed for changes that the page itself shows. */
export function showToast(notice: ToastMessage): void {
  set([...notices.slice(-2), { ...notice, id: nextId++ }]);
}

const none: typeof notices = [];

// Loaded with the first toast: most visits show none.
const ToastList = lazy(async () => ({ default: (await import('./toast-list.tsx')).ToastList }));

/** Renders all open toasts; mounted once, in the frame around the pages. */
export function ToastContainer() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => notices,
    () => none,
  );
  // `nextId` tells if there has been a toast: the list stays mounted to animate the last one out.
  if (shown.length === 0 && nextId === 1) return null;
  return (
    <Suspense fallback={null}>
      <ToastList notices={shown} close={(id) => set(notices.filter((notice) => notice.id !== id))} />
    </Suspense>
  );
}
