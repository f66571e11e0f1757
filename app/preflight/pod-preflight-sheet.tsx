'use client';

import Link from 'next/link';
import type { PodPreflight } from '../../contract/preflight.ts';
import { Button } from '../_components/button.tsx';
import { CopyButton } from '../_components/copy-button.tsx';
import { ErrorState } from '../_components/error-state.tsx';
import { SheetSkeleton } from '../_components/sheet-skeleton.tsx';
import { SideSheet } from '../_components/side-sheet.tsx';
import { formatClockTime } from '../_lib/format.ts';
import { sharedText } from '../_text/shared.ts';
import { CheckList } from './check-list.tsx';
import { PreflightVerdictLabel } from './preflight-marks.tsx';
import { usePodPreflight } from './preflight-queries.ts';
import { formatSheetTitle, preflightText } from './text.ts';

/** Sheet with everything that was looked at for a pod. */
export function PodPreflightSheet({ pod, close }: { pod: string; close: () => void }) {
  const { data, error, isFetching, refetch } = usePodPreflight(pod);
  const command = `podlane preflight ${pod}`;
  return (
    <SideSheet
      open
      onOpenChange={(open) => !open && close()}
      title={formatSheetTitle(pod)}
      description={preflightText.sheetDescription}
      head={data !== undefined && <PreflightVerdictLabel verdict={data.verdict} />}
      footer={
        <>
          <Button disabled={isFetching} onClick={() => void refetch()}>
            {isFetching ? preflightText.looking : preflightText.lookAgain}
          </Button>
          {data !== undefined && (
            <span className="text-12 text-muted tabular-nums" role="status">
              {preflightText.lookedAt} {formatClockTime(Date.parse(data.lookedAt))}
            </span>
          )}
          <span className="flex-1" />
          <Links data={data} />
        </>
      }
    >
      {data === undefined ? (
        error === null ? (
          <SheetSkeleton lines={10} />
        ) : (
          <div className="p-6">
            <ErrorState error={error} retry={() => void refetch()} />
          </div>
        )
      ) : (
        <div className="px-6 pt-3 pb-6 max-md:px-4">
          {error !== null && (
            <p role="alert" className="mb-2 text-signal-text">
              {sharedText.refreshFailed}: {error.message}
            </p>
          )}
          <div className="mb-2 flex items-center gap-1 text-12">
            <span className="text-muted">{sharedText.equivalentCommand}</span>
            <code className="code min-w-0 [overflow-wrap:anywhere]">{command}</code>
            <CopyButton text={command} what={preflightText.copyCommand} />
          </div>
          <CheckList checks={data.checks} label={preflightText.lookedAtHeading} />
        </div>
      )}
    </SideSheet>
  );
}

/** Links to what comes next: the pod, and the plan of its promotion where there can be one. */
function Links({ data }: { data: PodPreflight | undefined }) {
  if (data === undefined || data.pod.origin !== 'podlane') return null;
  const page = `/pods/${data.pod.namespace}.${data.pod.name}`;
  return (
    <span className="flex gap-2">
      <Button asChild>
        <Link href={page}>{preflightText.openPod}</Link>
      </Button>
      {(data.verdict === 'ready' || data.verdict === 'ready_with_losses') && (
        <Button asChild look="primary">
          <Link href={`${page}?migrate=netkit`}>{preflightText.planPromotion}</Link>
        </Button>
      )}
    </span>
  );
}
