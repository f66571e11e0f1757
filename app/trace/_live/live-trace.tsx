'use client';

import Link from 'next/link';
import { useRouter } from 'next/navigation';
import type { Trace } from '../../../contract/trace.ts';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { LabeledFact, LabeledFactList } from '../../_components/labeled-fact.tsx';
import { ValueSkeleton } from '../../_components/skeleton.tsx';
import { showToast } from '../../_components/toast.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { formatClockTime, formatCount, formatElapsedTime } from '../../_lib/format.ts';
import { formatPodName } from '../../_lib/packet-labels.ts';
import { useMissingRoleReason } from '../../_lib/session-queries.ts';
import { useCurrentTime } from '../../_lib/use-current-time.ts';
import { formatTraceFilter } from '../_form/trace-list.tsx';
import { traceText } from '../text.ts';
import { useStartTrace, useStopTrace, useTrace } from '../trace-queries.ts';
import { TracePacketTable } from './packet-table.tsx';
import { TraceGraphDiagram } from './trace-graph-diagram.tsx';

/** Page of a trace: the paths of its packets, and each packet with its observations, live. */
export function LiveTracePage({ id }: { id: string }) {
  const { data: trace, error, refused, refetch } = useTrace(id);
  if (trace === undefined)
    return (
      <div className="px-(--gutter) py-6" aria-busy={error === null}>
        {error === null ? (
          <ValueSkeleton className="w-80" />
        ) : (
          <ErrorState error={error} retry={() => void refetch()} />
        )}
      </div>
    );
  return (
    <>
      <Head trace={trace} refused={refused} />
      <section aria-label={traceText.paths} className="border-line-1 border-b px-(--gutter) py-4">
        {trace.path.nodes.length === 0 ? (
          <p role="status" className="text-ink-2">
            {trace.state === 'running' ? traceText.noPacketsYet : traceText.noPackets}
          </p>
        ) : (
          <TraceGraphDiagram path={trace.path} />
        )}
      </section>
      {trace.items.length > 0 && <TracePacketTable packets={trace.items} />}
    </>
  );
}

const endWords = {
  packets: traceText.endedPackets,
  seconds: traceText.endedTime,
  stopped: traceText.endedStopped,
  abandoned: traceText.endedAbandoned,
} as const;

function Head({ trace, refused }: { trace: Trace; refused: string | null }) {
  const { id, pod, filter, state, ended, seen, lost, kernelDrops, startedAt, endedAt, actor } = trace;
  const now = useCurrentTime();
  const running = state === 'running';
  const stop = useStopTrace(id);
  const again = useStartTrace();
  const router = useRouter();
  const missingRole = useMissingRoleReason('operator');
  const until = endedAt === null ? now : Date.parse(endedAt);
  const failed = (title: string) => (error: Error) =>
    showToast({ title, detail: error.message, tone: 'failed' });
  const startAgain = () =>
    again.mutate(
      { pod: pod.id, ...filter, packets: trace.packets, seconds: trace.seconds },
      { onSuccess: (made) => router.push(`/trace/${made.id}`), onError: failed(traceText.startFailed) },
    );
  return (
    <header className="flex items-center gap-x-4 gap-y-2 border-line-1 border-b px-(--gutter) py-3 max-md:flex-col max-md:items-stretch">
      <div className="min-w-0 flex-1">
        <h1 className="flex flex-wrap items-baseline gap-x-3 font-semibold text-20 tracking-[-.014em]">
          <Link href={`/pods/${formatPodName(pod)}`} prefetch={false} className="hover:underline">
            {formatPodName(pod)}
          </Link>
          <span className="font-normal text-13 text-ink-2 tracking-normal">{formatTraceFilter(filter)}</span>
        </h1>
        <div className="mt-1">
          <LabeledFactList>
            <LabeledFact label={traceText.state}>
              <span role="status" className={running ? 'font-[550] text-accent-text' : ''}>
                {running ? 'running' : ended === null ? 'ended' : endWords[ended]}
              </span>
            </LabeledFact>
            <LabeledFact label={traceText.packets}>
              {traceText.packetsOfLimit(formatCount(seen), formatCount(trace.packets))}
            </LabeledFact>
            <LabeledFact label={traceText.elapsedFact}>
              {traceText.timeOfLimit(
                until === 0 ? '' : formatElapsedTime(Math.max(0, until - Date.parse(startedAt))),
                formatElapsedTime(trace.seconds * 1000),
              )}
            </LabeledFact>
            <LabeledFact label={traceText.startedFact}>
              {formatClockTime(Date.parse(startedAt))} by {actor}
            </LabeledFact>
          </LabeledFactList>
        </div>
        {lost > 0 && <Sentence warn>{traceText.lostEvents(formatCount(lost))}</Sentence>}
        {!kernelDrops.available && (
          <Sentence>
            {traceText.noKernelDrops(
              kernelDrops.detail,
              kernelDrops.hint !== null ? traceText.inParentheses(kernelDrops.hint) : '',
            )}
          </Sentence>
        )}
        {refused !== null && running && <Sentence warn>{traceText.notLive(refused)}</Sentence>}
      </div>
      <div className="flex flex-none items-center gap-2">
        {running ? (
          <Button
            look="primary"
            disabled={missingRole !== null || stop.isPending}
            title={missingRole ?? undefined}
            onClick={() => stop.mutate(undefined, { onError: failed(traceText.stopFailed) })}
          >
            {traceText.stop}
          </Button>
        ) : (
          <Button
            disabled={missingRole !== null || again.isPending}
            title={missingRole ?? traceText.runAgainTitle}
            onClick={startAgain}
          >
            {traceText.runAgain}
          </Button>
        )}
        <CopyButton
          text={typeof location === 'undefined' ? '' : location.href}
          what={traceText.copyTraceLink}
          className="size-(--control)! border border-line-2"
        />
      </div>
    </header>
  );
}

function Sentence({ warn = false, children }: { warn?: boolean; children: React.ReactNode }) {
  return (
    <p className="mt-1 flex items-start gap-1.5 text-12 text-ink-2">
      {warn && <WarningIcon className="mt-px size-3.5" />}
      <span>{children}</span>
    </p>
  );
}
