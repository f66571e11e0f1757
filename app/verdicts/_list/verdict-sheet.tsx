'use client';

import Link from 'next/link';
import type { PacketEnd, Verdict } from '../../../contract/verdict.ts';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { DirectionMark } from '../../_components/direction-mark.tsx';
import { Sheet } from '../../_components/sheet.tsx';
import { VerdictMark } from '../../_components/verdict-mark.tsx';
import { count, dayOf } from '../../_lib/format.ts';
import {
  endpointLabel,
  explainHref,
  qualifiedPodName,
  clockWithMilliseconds,
  packetProtocolLabel,
  traceHref,
} from '../../_lib/packet-labels.ts';
import { DecidedBy } from './verdict-columns.tsx';

/** One verdict: everything that was told of the packet, and where to ask on. */
export function VerdictSheet({ verdict, close }: { verdict: Verdict | null; close: () => void }) {
  if (verdict === null) return null;
  const { kind, time, direction, pod, rule, set, generation, source, destination, length, family } = verdict;
  const json = JSON.stringify(verdict, null, 2);
  return (
    <Sheet
      open
      onOpenChange={(open) => !open && close()}
      title="Verdict"
      description="What was told of one packet, and what decided about it."
      head={<VerdictMark kind={kind} />}
      footer={
        <>
          <Button asChild look="primary">
            <Link href={explainHref(verdict, set)}>Explain</Link>
          </Button>
          {pod !== null && (
            <Button asChild>
              <Link href={traceHref(pod, verdict)}>Trace its like…</Link>
            </Button>
          )}
          <span className="flex-1" />
          <CopyButton text={json} what="it as JSON" />
        </>
      }
    >
      <dl className="grid px-6 py-4 max-md:px-4">
        <Line label="time">
          <span className="tabular-nums">
            {dayOf(Date.parse(time))} {clockWithMilliseconds(time)}
          </span>
        </Line>
        <Line label="decided by">
          {rule === null ? (
            <DecidedBy verdict={verdict} />
          ) : set === 'active' ? (
            <Link href={`/rules?rule=${encodeURIComponent(rule)}`} className="link">
              {rule}
            </Link>
          ) : (
            <>
              <b className="font-[550]">{rule}</b> <span className="text-muted">of the draft</span>
            </>
          )}
        </Line>
        <Line label="judged at">
          {pod === null ? (
            <span className="text-muted">a pod that is gone</span>
          ) : (
            <Link href={`/pods/${qualifiedPodName(pod)}`} prefetch={false} className="link">
              {qualifiedPodName(pod)}
            </Link>
          )}
          <DirectionMark direction={direction} />
        </Line>
        <Line label="from">
          <EndpointLine end={source} />
        </Line>
        <Line label="to">
          <EndpointLine end={destination} />
        </Line>
        <Line label="protocol">
          {packetProtocolLabel(verdict)} <span className="text-muted">IPv{family}</span>
        </Line>
        <Line label="bytes">
          {count(length)} <span className="text-muted">from the network header on</span>
        </Line>
        <Line label="rules">
          {set} set <span className="text-muted">generation {count(generation)}</span>
        </Line>
      </dl>
    </Sheet>
  );
}

function Line({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <div className="grid min-h-8 grid-cols-[104px_minmax(0,1fr)] items-center border-line-1 border-b py-1">
      <dt className="text-muted">{label}</dt>
      <dd className="flex min-w-0 flex-wrap items-baseline gap-x-3">{children}</dd>
    </div>
  );
}

function EndpointLine({ end }: { end: PacketEnd }) {
  return (
    <>
      {end.pod !== null && (
        <Link href={`/pods/${qualifiedPodName(end.pod)}`} prefetch={false} className="link">
          {qualifiedPodName(end.pod)}
        </Link>
      )}
      <span className="code">{endpointLabel(end)}</span>
      <CopyButton text={end.address} what="the address" className="-my-1" />
    </>
  );
}
