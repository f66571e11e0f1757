'use client';

import { Activity, ArrowRightLeft } from 'lucide-react';
import Link from 'next/link';
import { type ReactNode, useId } from 'react';
import type { DeviceKind } from '../../../contract/device.ts';
import type { Pod } from '../../../contract/pod.ts';
import { Button } from '../../_components/button.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { KindBadge } from '../../_components/kind.tsx';
import { WarningSign } from '../../_components/warning-sign.tsx';
import { clock, count, span, withFullSpaces } from '../../_lib/format.ts';
import { useNode } from '../../_lib/node-queries.ts';
import { splitName } from '../../_lib/pod-queries.ts';
import { useMissingRole } from '../../_lib/session-queries.ts';
import { usePodTotal } from '../../_lib/time-series/use-time-series.ts';
import { useNow } from '../../_lib/use-now.ts';
import { migrationDisabledReason, migrationLabel } from './_migration/text.ts';
import { Addresses } from './_network/addresses.tsx';
import { isAttachFallback } from './attach-fallback.ts';

interface Actions {
  openPlan: (to: DeviceKind) => void;
  openMigration: (id: string) => void;
}

/** Who the pod is, what carries it and since when, and the one action. */
export function PodHead({ pod, ...actions }: { pod: Pod } & Actions) {
  const [own, generated] = splitName(pod.name);
  const now = useNow();
  const requestsOk = usePodTotal(pod.number, 'requestsOk');
  const requestsFailed = usePodTotal(pod.number, 'requestsFailed');
  const since = (time: string) => (now === 0 ? '' : withFullSpaces(span(now - Date.parse(time))));
  return (
    <header className="flex items-center gap-4 border-line-1 border-b px-(--gutter) py-3 max-md:flex-col max-md:items-stretch">
      <div className="min-w-0 flex-1">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <h1 className="break-all font-semibold text-20 tracking-[-.014em] max-md:text-[18px]">
            {own}
            <span className="font-normal text-muted">{generated}</span>
          </h1>
          <KindBadge kind={pod.kind} />
          {isAttachFallback(pod) && (
            <span
              className="text-12 text-ink-2"
              title="Attach fallback: its own hooks have no program of ours"
            >
              <span className="sr-only">netkit </span>· programs on {pod.hooks}
            </span>
          )}
          {pod.state === 'gone' && (
            <span className="flex items-center gap-1.5 text-12 text-signal-text">
              <WarningSign /> gone
            </span>
          )}
        </div>
        <dl className="mt-1 flex flex-wrap gap-x-4 gap-y-0.5 text-12 text-ink-2 tabular-nums">
          <Fact label="namespace">{pod.namespace}</Fact>
          <Fact label={pod.addresses.length > 1 ? 'addresses' : 'address'}>
            <Addresses addresses={pod.addresses} />
          </Fact>
          <Fact label="up" title={`attached ${clock(Date.parse(pod.createdAt))}`}>
            {since(pod.createdAt)}
          </Fact>
          <Fact label={`on ${pod.kind}`} title={`since ${clock(Date.parse(pod.kindSince))}`}>
            {since(pod.kindSince)}
          </Fact>
          {!Number.isNaN(requestsOk) && (
            <>
              <Fact label="requests ok" title="Counted by the pod’s own traffic since it started">
                {count(requestsOk)}
              </Fact>
              <Fact label="failed" title="Counted by the pod’s own traffic since it started">
                <span className={requestsFailed > 0 ? 'font-semibold text-signal-text' : ''}>
                  {count(requestsFailed)}
                </span>
              </Fact>
            </>
          )}
        </dl>
        {[...goneSentence(pod), ...pod.attention].map((sentence) => (
          <p key={sentence} className="mt-1 flex items-center gap-1.5 text-12 text-ink-2">
            <WarningSign /> {sentence}
          </p>
        ))}
      </div>
      <Action pod={pod} {...actions} />
    </header>
  );
}

function goneSentence(pod: Pod): string[] {
  if (pod.state === 'gone') return ['Its network namespace is gone. What is shown was read before.'];
  return pod.device === null ? ['The kernel no longer has its device: the pod has no network.'] : [];
}

function Fact({ label, title, children }: { label: string; title?: string; children: ReactNode }) {
  return (
    <div className="flex gap-1" title={title}>
      <dt className="text-muted">{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Action({ pod, openPlan, openMigration }: { pod: Pod } & Actions) {
  const { data: node } = useNode();
  const reasonId = useId();
  const to: DeviceKind = pod.kind === 'netkit' ? 'veth' : 'netkit';
  const lacks = useMissingRole('operator');
  const reason = migrationDisabledReason(pod, to, node) ?? lacks;
  const running = pod.migration;
  return (
    <div className="flex items-center gap-2 max-md:flex-wrap">
      {reason !== null && (
        <p id={reasonId} className="max-w-105 text-12 text-ink-2 max-md:order-1 max-md:w-full">
          {reason}
        </p>
      )}
      {running !== null && pod.state === 'migrating' ? (
        <Button className="max-md:flex-1" onClick={() => openMigration(running)}>
          Show the migration
        </Button>
      ) : (
        <Button
          look="primary"
          className="max-md:flex-1"
          disabled={reason !== null}
          aria-describedby={reason === null ? undefined : reasonId}
          onClick={() => openPlan(to)}
        >
          <ArrowRightLeft aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
          {migrationLabel(to)}
        </Button>
      )}
      <Button asChild>
        <Link href={`/trace?pod=${pod.namespace}.${pod.name}`}>
          <Activity aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
          Trace
        </Link>
      </Button>
      <CopyButton
        text={linkTo(pod)}
        what="the link to this pod"
        className="size-(--control)! border border-line-2"
      />
    </div>
  );
}

const linkTo = (pod: Pod): string =>
  typeof location === 'undefined' ? '' : new URL(`/pods/${pod.namespace}.${pod.name}`, location.href).href;
