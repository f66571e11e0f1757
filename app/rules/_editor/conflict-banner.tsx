'use client';

import type { ActiveRules, DraftRules } from '../../../contract/rules.ts';
import { Button } from '../../_components/button.tsx';
import { WarningSign } from '../../_components/warning-sign.tsx';
import { clock } from '../../_lib/format.ts';
import { workingCopyOf } from './use-synced-copy.ts';
import { changeCopy, openCopy } from './working-copy.ts';

/** Somebody else changed the rules while they were being written here: what to do is the reader's choice. */
export function ConflictBanner({ active, draft }: { active: ActiveRules; draft: DraftRules | null }) {
  return (
    <div
      role="alert"
      className="flex flex-wrap items-center gap-x-3 gap-y-2 border-signal border-b bg-signal-wash px-(--gutter) py-2"
    >
      <p className="flex min-w-0 flex-1 items-start gap-1.5">
        <WarningSign className="mt-[3px] size-3.5" />
        <span>
          <b className="font-semibold">The rules were changed meanwhile.</b>{' '}
          <span className="text-ink-2">
            {active.actor ?? 'Somebody'} put version {active.version} in force
            {active.time !== null && ` at ${clock(Date.parse(active.time))}`}
            {active.comment !== null && active.comment !== '' && ` (${active.comment})`}. The dry run beside
            your text compares it with that version.
          </span>
        </span>
      </p>
      <span className="flex flex-wrap gap-2">
        <Button onClick={() => openCopy(workingCopyOf(active, draft))}>Discard mine, load theirs</Button>
        <Button onClick={() => changeCopy({ etag: active.etag, version: active.version })}>
          Keep mine, to replace theirs
        </Button>
      </span>
    </div>
  );
}
