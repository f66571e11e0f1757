'use client';

import { CircleCheck, Info, X } from 'lucide-react';
import { Toast } from 'radix-ui';
import { type ReactNode, useSyncExternalStore } from 'react';
import { sharedText } from '../_text/shared.ts';
import { IconButton } from './button.tsx';
import { WarningSign } from './warning-sign.tsx';

interface Notice {
  title: string;
  detail?: ReactNode;
  tone: 'done' | 'failed' | 'info';
  action?: { label: string; run: () => void };
}

let notices: readonly (Notice & { id: number })[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function set(next: typeof notices): void {
  notices = next;
  for (const listener of listeners) listener();
}

/** Shows a toast with the result of an action. Not for changes that the page already shows. */
export function notify(notice: Notice): void {
  set([...notices.slice(-2), { ...notice, id: nextId++ }]);
}

const none: typeof notices = [];

/** Renders the toasts at the lower right; mounted once in the frame. Failures stay until closed. */
export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => notices,
    () => none,
  );
  return (
    <Toast.Provider duration={8000} swipeDirection="right">
      {shown.map(({ id, title, detail, tone, action }) => (
        <Toast.Root
          key={id}
          duration={tone === 'failed' ? Number.POSITIVE_INFINITY : 8000}
          onOpenChange={(open) => {
            if (!open) set(notices.filter((notice) => notice.id !== id));
          }}
          className="flex w-[380px] max-w-[calc(100vw-32px)] animate-slide-in items-start gap-2.5 rounded-3 border border-line-control bg-surface-1 py-2.5 pr-2 pl-3 shadow-2"
        >
          <span className="mt-0.5">{icon[tone]}</span>
          <div className="min-w-0 flex-1">
            <Toast.Title className="font-semibold">{title}</Toast.Title>
            {detail !== undefined && (
              <Toast.Description className="text-12 text-ink-2">{detail}</Toast.Description>
            )}
            {action !== undefined && (
              <Toast.Action altText={action.label} asChild>
                <button type="button" className="link mt-1.5 text-12" onClick={action.run}>
                  {action.label}
                </button>
              </Toast.Action>
            )}
          </div>
          <Toast.Close asChild>
            <IconButton label={sharedText.close}>
              <X aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
            </IconButton>
          </Toast.Close>
        </Toast.Root>
      ))}
      <Toast.Viewport className="fixed right-4 bottom-10 z-50 flex flex-col gap-2" />
    </Toast.Provider>
  );
}

const icon = {
  done: <CircleCheck aria-hidden="true" className="size-4 text-accent-text" strokeWidth={1.6} />,
  failed: <WarningSign className="size-4" />,
  info: <Info aria-hidden="true" className="size-4 text-muted" strokeWidth={1.6} />,
} as const;
