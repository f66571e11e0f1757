'use client';

import type { ActiveRules, StagedRules } from '../../../contract/rules.ts';
import { Button } from '../../_components/button.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { formatClockTime } from '../../_lib/format.ts';
import { editorText } from './text.ts';
import { createRulesWorkingCopy } from './use-synced-copy.ts';
import { openRulesWorkingCopy, updateRulesWorkingCopy } from './working-copy.ts';

/** Shows that someone else applied rules during editing, and offers to discard or keep the edits. */
export function RulesConflictBanner({ active, staged }: { active: ActiveRules; staged: StagedRules | null }) {
  return (
    <div
      role="alert"
      className="flex flex-wrap items-center gap-x-3 gap-y-2 border-signal border-b bg-signal-wash px-(--gutter) py-2"
    >
      <p className="flex min-w-0 flex-1 items-start gap-1.5">
        <WarningIcon className="mt-[3px] size-3.5" />
        <span>
          <b className="font-semibold">{editorText.conflictTitle}</b>{' '}
          <span className="text-ink-2">
            {editorText.conflictDetail(
              active.actor ?? editorText.someone,
              active.version,
              active.time !== null ? editorText.atTime(formatClockTime(Date.parse(active.time))) : '',
              active.comment !== null && active.comment !== '' ? ` (${active.comment})` : '',
            )}
          </span>
        </span>
      </p>
      <span className="flex flex-wrap gap-2">
        <Button onClick={() => openRulesWorkingCopy(createRulesWorkingCopy(active, staged))}>
          {editorText.discardMine}
        </Button>
        <Button onClick={() => updateRulesWorkingCopy({ etag: active.etag, version: active.version })}>
          {editorText.keepMine}
        </Button>
      </span>
    </div>
  );
}
