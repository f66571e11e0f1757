'use client';

import Link from 'next/link';
import type { TraceFilter, TraceSummary } from '../../../contract/trace.ts';
import { ErrorState } from '../../_components/error-state.tsx';
import { ValueSkeleton } from '../../_components/skeleton.tsx';
import { formatClockTime, formatCount } from '../../_lib/format.ts';
import { formatPodName } from '../../_lib/packet-labels.ts';
import { traceText } from '../text.ts';
import { useTraces } from '../trace-queries.ts';

/** Lists the running and recently ended traces. */
export function TraceList() {
  const { data, error, refetch } = useTraces();
  return (
    <section aria-labelledby="traces" aria-busy={data === undefined && error === null} className="min-w-0">
      <h2 id="traces" className="flex h-8 items-center font-semibold">
        {traceText.traces}
      </h2>
      <ul className="border-line-2 border-t">
        {data?.map((trace) => (
          <li key={trace.id} className="border-line-1 border-b">
            <Row trace={trace} />
          </li>
        ))}
        {data?.length === 0 && (
          <li className="flex min-h-9 items-center border-line-1 border-b text-12 text-ink-2">
            {traceText.noTraces}
          </li>
        )}
        {data === undefined && error === null && (
          <li className="flex h-9 items-center border-line-1 border-b">
            <ValueSkeleton className="w-72" />
          </li>
        )}
      </ul>
      {data === undefined && error !== null && (
        <div className="pt-3">
          <ErrorState error={error} retry={() => void refetch()} />
        </div>
      )}
    </section>
  );
}

function Row({ trace }: { trace: TraceSummary }) {
  const { id, pod, filter, state, startedAt, seen, actor } = trace;
  return (
    <Link
      href={`/trace/${id}`}
      prefetch={false}
      className="grid min-h-9 grid-cols-[68px_minmax(0,1fr)_auto_68px] items-center gap-3 py-1 text-12 hover:bg-surface-2 focus-visible:-outline-offset-2"
    >
      <span className="text-muted tabular-nums">{formatClockTime(Date.parse(startedAt))}</span>
      <span className="min-w-0 truncate">
        <b className="font-[550]">{formatPodName(pod)}</b>{' '}
        <span className="text-ink-2">{formatTraceFilter(filter)}</span>{' '}
        <span className="text-muted">{traceText.byActor(actor)}</span>
      </span>
      <span className="text-ink-2 tabular-nums">
        {formatCount(seen)} {seen === 1 ? 'packet' : 'packets'}
      </span>
      <span className={`text-right ${state === 'running' ? 'font-[550] text-accent-text' : 'text-muted'}`}>
        {state}
      </span>
    </Link>
  );
}

/** Formats a trace filter, e.g. `tcp port 80, 10.0.0.1`; an empty filter is `all packets`. */
export function formatTraceFilter({ address, port, protocol, family }: TraceFilter): string {
  const parts = [
    [protocol, port === undefined ? undefined : traceText.portFilter(port)].filter(Boolean).join(' '),
    address ?? '',
    family === undefined ? '' : `IPv${family}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? traceText.allPackets : parts.join(', ');
}
