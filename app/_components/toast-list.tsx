'use client';

import { CircleCheck, Info, X } from 'lucide-react';
import { Toast } from 'radix-ui';
import { sharedText } from '../_text/shared.ts';
import { IconButton } from './button.tsx';
import type { OpenToast } from './toast-types.ts';
import { WarningIcon } from './warning-icon.tsx';

interface ToastListProps {
  notices: readonly OpenToast[];
  close: (id: number) => void;
}

/** Renders toasts at the lower right of the window. Failures remain until they are closed. */
export function ToastList({ notices, close }: ToastListProps) {
  return (
    <Toast.Provider duration={8000} swipeDirection="right">
      {notices.map(({ id, title, detail, tone, action }) => (
        <Toast.Root
          key={id}
          duration={tone === 'failed' ? Number.POSITIVE_INFINITY : 8000}
          onOpenChange={(open) => {
            if (!open) close(id);
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
  failed: <WarningIcon className="size-4" />,
  info: <Info aria-hidden="true" className="size-4 text-muted" strokeWidth={1.6} />,
} as const;
