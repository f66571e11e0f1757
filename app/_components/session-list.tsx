'use client';

import type { BrowserSessionInfo } from '../../contract/session.ts';
import { describeBrowser } from '../_lib/describe-browser.ts';
import { formatClockTime } from '../_lib/format.ts';
import { useBrowserSessions, useEndSession } from '../_lib/session-queries.ts';
import { sharedText } from '../_text/shared.ts';
import { Button } from './button.tsx';

/** Lists the sessions that the user may see, each with a button that ends it; the user's own one signs out. */
export function SessionList() {
  const { data: sessions = [] } = useBrowserSessions();
  const end = useEndSession();
  return (
    <section aria-label={sharedText.sessions} className="mt-2 border-line-1 border-t pt-2">
      <ul className="max-h-60 overflow-y-auto">
        {sessions.map((session) => (
          <li key={session.id} className="flex items-center justify-between gap-2 py-1">
            <SessionDescription session={session} />
            <Button size="small" disabled={end.isPending} onClick={() => end.mutate(session)}>
              {session.own ? sharedText.signOut : sharedText.endSession}
            </Button>
          </li>
        ))}
      </ul>
      {end.isError && (
        <p role="alert" className="text-signal-text">
          {end.error.message}
        </p>
      )}
    </section>
  );
}

function SessionDescription({
  session: { own, role, browser, lastUsedAt },
}: {
  session: BrowserSessionInfo;
}) {
  return (
    <span className="min-w-0">
      <b className="font-[550] text-ink-1">{own ? sharedText.thisSession : role}</b>{' '}
      <span className="text-muted">{sharedText.lastUsed(formatClockTime(Date.parse(lastUsedAt)))}</span>
      <span className="block truncate text-muted" title={browser}>
        {describeBrowser(browser)}
      </span>
    </span>
  );
}
