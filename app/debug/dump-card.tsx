'use client';

import { Download } from 'lucide-react';
import { useState } from 'react';
import type { DebugDump } from '../../contract/debug-dump.ts';
import { Button } from '../_components/button.tsx';
import { CopyButton } from '../_components/copy-button.tsx';
import { LabeledFact, LabeledFactList } from '../_components/labeled-fact.tsx';
import { showToast } from '../_components/toast.tsx';
import { WarningIcon } from '../_components/warning-icon.tsx';
import { debugDumpArchivePath, useDeleteDebugDump } from '../_lib/debug-dump-queries.ts';
import { formatByteSize, formatClockTime, formatCount, formatDuration } from '../_lib/format.ts';
import { useMissingRoleReason } from '../_lib/session-queries.ts';
import { sharedText } from '../_text/shared.ts';
import { DebugDumpPartList } from './dump-parts.tsx';
import { debugText } from './text.ts';

/** Shows a debug dump: progress, result and actions. */
export function DebugDumpCard({ dump }: { dump: DebugDump }) {
  const problems = dump.parts.reduce((sum, part) => sum + part.problems.length, 0);
  const took = dump.endedAt === null ? null : Date.parse(dump.endedAt) - Date.parse(dump.startedAt);
  return (
    <article
      id={dump.id}
      aria-label={debugText.dumpTitle(formatClockTime(Date.parse(dump.startedAt)))}
      className="border-line-1 border-b py-3"
    >
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <div className="min-w-0 flex-1 basis-72">
          <h3 className="flex flex-wrap items-center gap-x-2 font-semibold">
            <span className="tabular-nums">{formatClockTime(Date.parse(dump.startedAt))}</span>
            <DumpStateLabel dump={dump} problems={problems} />
          </h3>
          <LabeledFactList>
            <LabeledFact label={debugText.by}>{dump.actor}</LabeledFact>
            <LabeledFact label={debugText.files}>{formatCount(dump.files)}</LabeledFact>
            <LabeledFact
              label={debugText.uncompressed}
              title={debugText.sizeLimit(formatByteSize(dump.maxBytes))}
            >
              {formatByteSize(dump.unpackedBytes)}
            </LabeledFact>
            {dump.archiveBytes !== null && (
              <LabeledFact label={debugText.archive}>{formatByteSize(dump.archiveBytes)}</LabeledFact>
            )}
            {took !== null && <LabeledFact label={debugText.duration}>{formatDuration(took)}</LabeledFact>}
            {dump.sha256 !== null && (
              <LabeledFact label={debugText.sha256}>
                <span className="inline-flex items-center gap-1">
                  <span className="code" title={dump.sha256}>
                    {dump.sha256.slice(0, 12)}
                  </span>
                  <CopyButton
                    text={dump.sha256}
                    what={debugText.copySha256}
                    className="-my-1.5 size-6! text-muted"
                  />
                </span>
              </LabeledFact>
            )}
          </LabeledFactList>
        </div>
        <DumpActions dump={dump} />
      </div>
      {dump.reason !== null && (
        <p className="mt-1.5 flex items-start gap-1.5 text-12">
          <WarningIcon className="mt-px size-3.5" /> {dump.reason}
        </p>
      )}
      {dump.state === 'running' ? (
        <DebugDumpPartList parts={dump.parts} />
      ) : (
        dump.parts.length > 0 && (
          <details className="mt-1 text-12" open={problems > 0 && problems < 6}>
            <summary className="w-fit cursor-pointer text-muted hover:text-ink-1">
              {debugText.partsSummary(
                dump.parts.length,
                problems > 0 ? debugText.incompleteFiles(debugText.fileCount(problems)) : '',
              )}
            </summary>
            <DebugDumpPartList parts={dump.parts} />
          </details>
        )
      )}
    </article>
  );
}

function DumpStateLabel({ dump, problems }: { dump: DebugDump; problems: number }) {
  if (dump.state === 'running')
    return <span className="font-normal text-12 text-accent-text">{debugText.running}</span>;
  if (dump.state === 'failed')
    return (
      <span className="inline-flex items-center gap-1.5 font-normal text-12 text-signal-text">
        <WarningIcon /> {debugText.failed}
      </span>
    );
  return (
    <span className="font-normal text-12 text-muted">
      {problems === 0 ? debugText.complete : debugText.doneWithProblems(problems)}
    </span>
  );
}

/** Renders the buttons that cancel, download or delete a dump. Canceling and deleting leave no file behind. */
function DumpActions({ dump }: { dump: DebugDump }) {
  const remove = useDeleteDebugDump();
  const missingRole = useMissingRoleReason('admin');
  const [sure, setSure] = useState(false);
  const running = dump.state === 'running';
  const act = () =>
    remove.mutate(dump.id, {
      onError: ({ message }) =>
        showToast({
          tone: 'failed',
          title: running ? debugText.cancelFailed : debugText.deleteFailed,
          detail: message,
        }),
      onSuccess: () => {
        if (running) showToast({ tone: 'info', title: debugText.canceled, detail: debugText.canceledDetail });
      },
    });
  if (missingRole !== null) return <p className="text-12 text-muted">{missingRole}</p>;
  if (running)
    return (
      <Button disabled={remove.isPending} onClick={act}>
        {sharedText.cancel}
      </Button>
    );
  return (
    <div className="flex items-center gap-2">
      {dump.state === 'done' && !sure && (
        <Button asChild>
          <a href={debugDumpArchivePath(dump.id)} download={`${dump.name}.tar.gz`}>
            <Download aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
            {sharedText.download}
          </a>
        </Button>
      )}
      {sure ? (
        <>
          <Button look="destructive" disabled={remove.isPending} onClick={act}>
            {debugText.deletePermanently}
          </Button>
          <Button onClick={() => setSure(false)}>{sharedText.keep}</Button>
        </>
      ) : (
        <Button look="quiet" onClick={() => setSure(true)}>
          {sharedText.deleteDialog}
        </Button>
      )}
    </div>
  );
}
