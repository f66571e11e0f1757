'use client';

import { useState } from 'react';
import type { DebugDump } from '../../contract/debug-dump.ts';
import { defaultDebugDumpSize } from '../../contract/limits.ts';
import { Button } from '../_components/button.tsx';
import { CopyButton } from '../_components/copy-button.tsx';
import { ErrorNotice } from '../_components/error-notice.tsx';
import { FormField, formInputClasses } from '../_components/form-field.tsx';
import { useCreateDebugDump } from '../_lib/debug-dump-queries.ts';
import { useMissingRoleReason } from '../_lib/session-queries.ts';
import { sharedText } from '../_text/shared.ts';
import { debugText } from './text.ts';

const mebi = 1 << 20;
const bounds = [16, 64, 256, 1024] as const;

/** Renders the form that creates a debug dump, with the equivalent command. */
export function CreateDebugDumpForm({ running }: { running: DebugDump | undefined }) {
  const make = useCreateDebugDump();
  const missingRole = useMissingRoleReason('admin');
  const [maxBytes, bound] = useState(defaultDebugDumpSize);
  const [text, setText] = useState('');
  const pods = text.split(/[\s,]+/).filter((name) => name !== '');
  const reason = missingRole ?? (running === undefined ? null : debugText.dumpInProgress);
  const command = [
    'podlane debug',
    ...(maxBytes === defaultDebugDumpSize ? [] : [`--max-bytes ${maxBytes}`]),
  ].join(' ');
  return (
    <form
      className="mt-4 grid gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (reason === null && !make.isPending)
          make.mutate({ maxBytes, ...(pods.length === 0 ? {} : { pods }) });
      }}
    >
      <div className="grid grid-cols-[132px_minmax(0,1fr)] gap-x-3">
        <FormField label={debugText.maxSize}>
          {(tied) => (
            <select
              {...tied}
              value={maxBytes}
              onChange={(event) => bound(Number(event.target.value))}
              className={formInputClasses}
            >
              {bounds.map((size) => (
                <option key={size} value={size * mebi}>
                  {size < 1024 ? `${size} MiB` : '1 GiB'}
                </option>
              ))}
            </select>
          )}
        </FormField>
        <FormField label={debugText.podsToInclude}>
          {(tied) => (
            <input
              {...tied}
              value={text}
              onChange={(event) => setText(event.target.value)}
              placeholder={debugText.podsPlaceholder}
              autoComplete="off"
              spellCheck={false}
              className={formInputClasses}
            />
          )}
        </FormField>
      </div>
      <div className="flex flex-wrap items-center gap-3">
        <Button
          type="submit"
          look="primary"
          disabled={reason !== null || make.isPending}
          aria-describedby={reason === null ? undefined : 'no-dump'}
        >
          {debugText.createDump}
        </Button>
        {reason !== null && (
          <p id="no-dump" className="text-12 text-ink-2">
            {reason}
          </p>
        )}
      </div>
      {make.error !== null && <ErrorNotice error={make.error} title={debugText.createFailed} />}
      <p className="flex flex-wrap items-center gap-1 text-12 text-muted">
        {debugText.commandHint} <code className="code text-ink-2">{command}</code>
        <CopyButton text={command} what={sharedText.copyCommand} className="-my-1 size-6! text-muted" />
      </p>
    </form>
  );
}
