'use client';

import { Check, UserRound } from 'lucide-react';
import { Popover } from 'radix-ui';
import { roleDescriptions, useSession } from '../_lib/session-queries.ts';
import { sharedText } from '../_text/shared.ts';
import { SessionList } from './session-list.tsx';

/** Renders the menu with the signed-in user, the user's role and the permissions of each role. */
export function SessionMenu() {
  const { data: session } = useSession();
  if (session === undefined) return <span className="w-20 max-sm:w-7" />;
  return (
    <Popover.Root>
      <Popover.Trigger
        aria-label={sharedText.signedInAs(session.actor, session.role)}
        className="inline-flex h-7 items-center gap-1.5 rounded-2 px-1.5 text-12 text-ink-2 hover:bg-surface-2 hover:text-ink-1"
      >
        <UserRound aria-hidden="true" className="size-4" strokeWidth={1.6} />
        <span className="max-sm:sr-only">{session.role}</span>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          aria-label={sharedText.yourRole}
          align="end"
          sideOffset={4}
          collisionPadding={8}
          className="z-50 w-72 rounded-3 border border-line-control bg-surface-1 p-3 text-12 shadow-2 outline-none"
        >
          <p className="text-ink-2">
            {sharedText.signedIn} <b className="break-all font-[550] text-ink-1">{session.actor}</b>
            {sharedText.auditNote}
          </p>
          <ul className="mt-2 border-line-1 border-t">
            {roleDescriptions.map(({ role, description }) => (
              <li
                key={role}
                className="grid grid-cols-[14px_64px_minmax(0,1fr)] gap-x-1.5 border-line-1 border-b py-1.5 last:border-b-0 last:pb-0"
              >
                <span className="pt-px">
                  {role === session.role && (
                    <>
                      <Check aria-hidden="true" className="size-3.5 text-accent-text" />
                      <span className="sr-only">{sharedText.yourRoleMark}</span>
                    </>
                  )}
                </span>
                <b className={role === session.role ? 'font-semibold' : 'font-normal text-muted'}>{role}</b>
                <span className="text-ink-2">{description}</span>
              </li>
            ))}
          </ul>
          <SessionList />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
