'use client';

import { Download } from 'lucide-react';
import { useState } from 'react';
import type { Dump } from '../../contract/dump.ts';
import { Button } from '../_components/button.tsx';
import { CopyButton } from '../_components/copy-button.tsx';
import { Fact, Facts } from '../_components/fact.tsx';
import { notify } from '../_components/toast.tsx';
import { WarningSign } from '../_components/warning-sign.tsx';
import { archivePath, useDeleteDump } from '../_lib/dump-queries.ts';
import { bytes, clock, count, duration } from '../_lib/format.ts';
import { useMissingRole } from '../_lib/session-queries.ts';
import { sharedText } from '../_text/shared.ts';
import { DumpParts } from './dump-parts.tsx';
import { debugText } from './text.ts';

/** A debug dump: progress, result and actions. */
export function DumpCard({ dump }: { dump: Dump }) {
  const problems = dump.parts.reduce((sum, part) => sum + part.problems.length, 0);
  const took = dump.endedAt === null ? null : Date.parse(dump.endedAt) - Date.parse(dump.startedAt);
  return (
    <article
      id={dump.id}
      aria-label={debugText.dumpTitle(clock(Date.parse(dump.startedAt)))}
      className="border-line-1 border-b py-3"
    >
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <div className="min-w-0 flex-1 basis-72">
          <h3 className="flex flex-wrap items-center gap-x-2 font-semibold">
            <span className="tabular-nums">{clock(Date.parse(dump.startedAt))}</span>
            <DumpStateLabel dump={dump} problems={problems} />
          </h3>
          <Facts>
            <Fact label={debugText.by}>{dump.actor}</Fact>
            <Fact label={debugText.files}>{count(dump.files)}</Fact>
            <Fact label={debugText.uncompressed} title={debugText.sizeLimit(bytes(dump.maxBytes))}>
              {bytes(dump.unpackedBytes)}
            </Fact>
            {dump.archiveBytes !== null && <Fact label={debugText.archive}>{bytes(dump.archiveBytes)}</Fact>}
            {took !== null && <Fact label={debugText.duration}>{duration(took)}</Fact>}
            {dump.sha256 !== null && (
              <Fact label={debugText.sha256}>
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
              </Fact>
            )}
          </Facts>
        </div>
        <DumpActions dump={dump} />
      </div>
      {dump.reason !== null && (
        <p className="mt-1.5 flex items-start gap-1.5 text-12">
          <WarningSign className="mt-px size-3.5" /> {dump.reason}
        </p>
      )}
      {dump.state === 'running' ? (
        <DumpParts parts={dump.parts} />
      ) : (
        dump.parts.length > 0 && (
          <details className="mt-1 text-12" open={problems > 0 && problems < 6}>
            <summary className="w-fit cursor-pointer text-muted hover:text-ink-1">
              {debugText.partsSummary(
                dump.parts.length,
                problems > 0 ? debugText.incompleteFiles(debugText.fileCount(problems)) : '',
              )}
            </summary>
            <DumpParts parts={dump.parts} />
          </details>
        )
      )}
    </article>
  );
}

function DumpStateLabel({ dump, problems }: { dump: Dump; problems: number }) {
  if (dump.state === 'running')
    return <span className="font-normal text-12 text-accent-text">{debugText.running}</span>;
  if (dump.state === 'failed')
    return (
      <span className="inline-flex items-center gap-1.5 font-normal text-12 text-signal-text">
        <WarningSign /> {debugText.failed}
      </span>
    );
  return (
    <span className="font-normal text-12 text-muted">
      {problems === 0 ? debugText.complete : debugText.doneWithProblems(problems)}
    </span>
  );
}

/** Buttons to cancel, download or delete a dump. Canceling and deleting leave no file. */
function DumpActions({ dump }: { dump: Dump }) {
  const remove = useDeleteDump();
  const lacks = useMissingRole('admin');
  const [sure, setSure] = useState(false);
  const running = dump.state === 'running';
  const act = () =>
    remove.mutate(dump.id, {
      onError: ({ message }) =>
        notify({
          tone: 'failed',
          title: running ? debugText.cancelFailed : debugText.deleteFailed,
          detail: message,
        }),
      onSuccess: () => {
        if (running) notify({ tone: 'info', title: debugText.canceled, detail: debugText.canceledDetail });
      },
    });
  if (lacks !== null) return <p className="text-12 text-muted">{lacks}</p>;
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
          <a href={archivePath(dump.id)} download={`${dump.name}.tar.gz`}>
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
