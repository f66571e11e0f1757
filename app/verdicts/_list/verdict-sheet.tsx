'use client';

import Link from 'next/link';
import type { PacketEndpoint, Verdict } from '../../../contract/verdict.ts';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { DirectionLabel } from '../../_components/direction-label.tsx';
import { SideSheet } from '../../_components/side-sheet.tsx';
import { VerdictLabel } from '../../_components/verdict-label.tsx';
import { formatCount, formatDay } from '../../_lib/format.ts';
import {
  buildNewTraceHref,
  buildPolicyLookupHref,
  formatClockTimeWithMilliseconds,
  formatEndpointOwner,
  formatPacketEndpoint,
  formatPacketProtocol,
  formatPodName,
} from '../../_lib/packet-labels.ts';
import { verdictsText } from '../text.ts';
import { VerdictReason } from './verdict-columns.tsx';

/** Sheet of a verdict, with links to the policy lookup and to a trace. */
export function VerdictSheet({ verdict, close }: { verdict: Verdict | null; close: () => void }) {
  if (verdict === null) return null;
  const { kind, time, direction, pod, rule, set, generation, source, destination, length, family } = verdict;
  const json = JSON.stringify(verdict, null, 2);
  return (
    <SideSheet
      open
      onOpenChange={(open) => !open && close()}
      title={verdictsText.verdictTitle}
      description={verdictsText.verdictDescription}
      head={<VerdictLabel kind={kind} />}
      footer={
        <>
          {family !== null && (
            <Button asChild look="primary">
              <Link href={buildPolicyLookupHref(verdict, set)}>{verdictsText.lookUp}</Link>
            </Button>
          )}
          {pod !== null && family !== null && (
            <Button asChild>
              <Link href={buildNewTraceHref(pod, verdict)}>{verdictsText.traceFlow}</Link>
            </Button>
          )}
          <span className="flex-1" />
          <CopyButton text={json} what={verdictsText.copyVerdict} />
        </>
      }
    >
      <dl className="grid px-6 py-4 max-md:px-4">
        <Line label={verdictsText.time}>
          <span className="tabular-nums">
            {formatDay(Date.parse(time))} {formatClockTimeWithMilliseconds(time)}
          </span>
        </Line>
        <Line label={verdictsText.decidedBy}>
          {rule === null ? (
            <VerdictReason verdict={verdict} />
          ) : set === 'active' ? (
            <Link href={`/rules?rule=${encodeURIComponent(rule)}`} className="link">
              {rule}
            </Link>
          ) : (
            <>
              <b className="font-[550]">{rule}</b>{' '}
              <span className="text-muted">{verdictsText.ofStagedRules}</span>
            </>
          )}
        </Line>
        <Line label={verdictsText.evaluatedAt}>
          {pod === null ? (
            <span className="text-muted">{verdictsText.deletedPod}</span>
          ) : (
            <Link href={`/pods/${formatPodName(pod)}`} prefetch={false} className="link">
              {formatPodName(pod)}
            </Link>
          )}
          <DirectionLabel direction={direction} />
        </Line>
        {family !== null && (
          <>
            <Line label={verdictsText.sourceLine}>
              <EndpointLine end={source} />
            </Line>
            <Line label={verdictsText.destinationLine}>
              <EndpointLine end={destination} />
            </Line>
          </>
        )}
        {verdict.realPeer !== null && (
          <Line label={verdictsText.realPeerLine[direction]}>
            <EndpointLine end={verdict.realPeer} />
          </Line>
        )}
        <Line label={verdictsText.protocol}>
          {formatPacketProtocol(verdict)}{' '}
          <span className="text-muted">
            {family === null ? verdictsText.notIp : verdictsText.ipVersion(family)}
          </span>
        </Line>
        <Line label={verdictsText.bytes}>
          {formatCount(length)} <span className="text-muted">{verdictsText.lengthNote}</span>
        </Line>
        <Line label={verdictsText.rules}>
          {verdictsText.ruleSet(set)}{' '}
          <span className="text-muted">{verdictsText.generation(formatCount(generation))}</span>
        </Line>
      </dl>
    </SideSheet>
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

function EndpointLine({ end }: { end: PacketEndpoint }) {
  return (
    <>
      {end.pod !== null && (
        <Link href={`/pods/${formatPodName(end.pod)}`} prefetch={false} className="link">
          {formatPodName(end.pod)}
        </Link>
      )}
      {end.cluster !== undefined && <span>{formatEndpointOwner(end)}</span>}
      <span className="code">{formatPacketEndpoint(end)}</span>
      <CopyButton text={end.address} what={verdictsText.copyAddress} className="-my-1" />
    </>
  );
}
