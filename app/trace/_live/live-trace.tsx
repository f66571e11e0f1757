'use client';

import Link from 'next/link';
import { useRouter } from 'next/navigation';
import type { Trace } from '../../../contract/trace.ts';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { Fact, Facts } from '../../_components/fact.tsx';
import { Skeleton } from '../../_components/skeleton.tsx';
import { notify } from '../../_components/toast.tsx';
import { WarningSign } from '../../_components/warning-sign.tsx';
import { clock, count, span } from '../../_lib/format.ts';
import { qualifiedPodName } from '../../_lib/packet-labels.ts';
import { useNow } from '../../_lib/time-series/pod-samples.ts';
import { useMissingRole } from '../../_lib/session-queries.ts';
import { useStartTrace, useStopTrace, useTrace } from '../trace-queries.ts';
import { traceFilterSummary } from '../_form/trace-list.tsx';
import { PacketTable } from './packet-table.tsx';
import { TracePathDiagram } from './trace-path-diagram.tsx';

/** A trace as it goes on: the ways that packets take, and each packet line by line. */
export function LiveTrace({ id }: { id: string }) {
  const { data: trace, error, refused, refetch } = useTrace(id);
  if (trace === undefined)
    return (
      <div className="px-(--gutter) py-6" aria-busy={error === null}>
        {error === null ? (
          <Skeleton className="w-80" />
        ) : (
          <ErrorState error={error} retry={() => void refetch()} />
        )}
      </div>
    );
  return (
    <>
      <Head trace={trace} refused={refused} />
      <section aria-label="Ways" className="border-line-1 border-b px-(--gutter) py-4">
        {trace.path.nodes.length === 0 ? (
          <p role="status" className="text-ink-2">
            {trace.state === 'running'
              ? 'No packet of the filter was seen yet.'
              : 'No packet of the filter was seen.'}
          </p>
        ) : (
          <TracePathDiagram path={trace.path} />
        )}
      </section>
      {trace.items.length > 0 && <PacketTable packets={trace.items} />}
    </>
  );
}

const endWords = {
  packets: 'ended: as many packets as asked for',
  seconds: 'ended: the time is over',
  stopped: 'stopped',
  abandoned: 'ended: nobody watched it any more',
} as const;

function Head({ trace, refused }: { trace: Trace; refused: string | null }) {
  const { id, pod, filter, state, ended, seen, lost, kernelDrops, startedAt, endedAt, actor } = trace;
  const now = useNow();
  const running = state === 'running';
  const stop = useStopTrace(id);
  const again = useStartTrace();
  const router = useRouter();
  const lacks = useMissingRole('operator');
  const until = endedAt === null ? now : Date.parse(endedAt);
  const failed = (title: string) => (error: Error) =>
    notify({ title, detail: error.message, tone: 'failed' });
  const startAgain = () =>
    again.mutate(
      { pod: pod.id, ...filter, packets: trace.packets, seconds: trace.seconds },
      { onSuccess: (made) => router.push(`/trace/${made.id}`), onError: failed('The trace was not started') },
    );
  return (
    <header className="flex items-center gap-x-4 gap-y-2 border-line-1 border-b px-(--gutter) py-3 max-md:flex-col max-md:items-stretch">
      <div className="min-w-0 flex-1">
        <h1 className="flex flex-wrap items-baseline gap-x-3 font-semibold text-20 tracking-[-.014em]">
          <Link href={`/pods/${qualifiedPodName(pod)}`} prefetch={false} className="hover:underline">
            {qualifiedPodName(pod)}
          </Link>
          <span className="font-normal text-13 text-ink-2 tracking-normal">{traceFilterSummary(filter)}</span>
        </h1>
        <div className="mt-1">
          <Facts>
            <Fact label="state">
              <span role="status" className={running ? 'font-[550] text-accent-text' : ''}>
                {running ? 'running' : ended === null ? 'ended' : endWords[ended]}
              </span>
            </Fact>
            <Fact label="packets">
              {count(seen)} of at most {count(trace.packets)}
            </Fact>
            <Fact label="for">
              {until === 0 ? '' : span(Math.max(0, until - Date.parse(startedAt)))} of at most{' '}
              {span(trace.seconds * 1000)}
            </Fact>
            <Fact label="since">
              {clock(Date.parse(startedAt))} by {actor}
            </Fact>
          </Facts>
        </div>
        {lost > 0 && (
          <Sentence warn>
            {count(lost)} events came faster than they were read: packets may lack lines. A narrower filter
            helps.
          </Sentence>
        )}
        {!kernelDrops.available && (
          <Sentence>
            What the kernel itself drops is not told here: {kernelDrops.detail}
            {kernelDrops.hint !== null && ` (${kernelDrops.hint})`}
          </Sentence>
        )}
        {refused !== null && running && <Sentence warn>Not live: {refused}</Sentence>}
      </div>
      <div className="flex flex-none items-center gap-2">
        {running ? (
          <Button
            look="primary"
            disabled={lacks !== null || stop.isPending}
            title={lacks ?? undefined}
            onClick={() => stop.mutate(undefined, { onError: failed('The trace was not stopped') })}
          >
            Stop
          </Button>
        ) : (
          <Button
            disabled={lacks !== null || again.isPending}
            title={lacks ?? 'With the same filter and limits'}
            onClick={startAgain}
          >
            Again
          </Button>
        )}
        <CopyButton
          text={typeof location === 'undefined' ? '' : location.href}
          what="the link to this trace"
          className="size-(--control)! border border-line-2"
        />
      </div>
    </header>
  );
}

function Sentence({ warn = false, children }: { warn?: boolean; children: React.ReactNode }) {
  return (
    <p className="mt-1 flex items-start gap-1.5 text-12 text-ink-2">
      {warn && <WarningSign className="mt-px size-3.5" />}
      <span>{children}</span>
    </p>
  );
}
