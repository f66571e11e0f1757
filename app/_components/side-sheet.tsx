'use client';

import { X } from 'lucide-react';
import { Dialog } from 'radix-ui';
import type { ReactNode } from 'react';
import { sharedText } from '../_text/shared.ts';
import { IconButton } from './button.tsx';

interface SheetProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  /** Description of the sheet for screen readers; not visible. */
  description: string;
  /** Content beside the sheet's title. */
  head?: ReactNode;
  footer?: ReactNode;
  children: ReactNode;
}

/**
 * Renders a dialog that slides in from the right and leaves the page visible. In windows narrower than 720 px it takes
 * the full width.
 */
export function SideSheet({ open, onOpenChange, title, description, head, footer, children }: SheetProps) {
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-scrim" />
        <Dialog.Content className="fixed inset-y-0 right-0 z-50 flex w-full max-w-[808px] animate-slide-in flex-col border-line-control border-l bg-surface-1 shadow-2 outline-none max-md:border-l-0">
          <header className="flex min-h-14 flex-none items-center gap-3 border-line-1 border-b pr-4 pl-6 max-md:pl-4">
            <Dialog.Title className="font-semibold text-15">{title}</Dialog.Title>
            <Dialog.Description className="sr-only">{description}</Dialog.Description>
            {head}
            <span className="flex-1" />
            <Dialog.Close asChild>
              <IconButton label={sharedText.close}>
                <X aria-hidden="true" className="size-4" strokeWidth={1.6} />
              </IconButton>
            </Dialog.Close>
          </header>
          <div className="min-h-0 flex-1 overflow-y-auto overscroll-contain">{children}</div>
          {footer !== undefined && (
            <footer className="flex min-h-15 flex-none flex-wrap items-center gap-3 border-line-2 border-t px-6 py-3 max-md:px-4">
              {footer}
            </footer>
          )}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
