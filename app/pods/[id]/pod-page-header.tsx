'use client';

import { Activity, ArrowRightLeft, ListChecks } from 'lucide-react';
import Link from 'next/link';
import { type ReactNode, useId } from 'react';
import type { Condition } from '../../../contract/condition.ts';
import type { DeviceKind } from '../../../contract/device.ts';
import type { Pod } from '../../../contract/pod.ts';
import { Button } from '../../_components/button.tsx';
import { ConditionNotice } from '../../_components/condition-notice.tsx';
import { CopyButton } from '../../_components/copy-button.tsx';
import { DeviceKindBadge } from '../../_components/device-kind.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { formatClockTime, formatCount, formatElapsedTime, widenNarrowSpaces } from '../../_lib/format.ts';
import { useNodeInfo } from '../../_lib/node-queries.ts';
import { splitGeneratedSuffix } from '../../_lib/pod-queries.ts';
import { preflightHref } from '../../_lib/preflight-link.ts';
import { useMissingRoleReason } from '../../_lib/session-queries.ts';
import { usePodCounterTotal } from '../../_lib/time-series/use-time-series.ts';
import { useCurrentTime } from '../../_lib/use-current-time.ts';
import { sharedText } from '../../_text/shared.ts';
import { findMigrationDisabledReason, formatMigrateButtonLabel } from './_migration/text.ts';
import { PodAddressList } from './_network/pod-address-list.tsx';
import { isAttachFallback } from './attach-fallback.ts';
import {
  formatAttachedTime,
  formatOnDeviceKind,
  formatProgramsOnHooks,
  formatSinceTime,
  podText,
} from './text.ts';

interface Actions {
  openPlan: (to: DeviceKind) => void;
  openMigration: (id: string) => void;
}

/** Renders the header of a pod's page: name, device kind, facts, conditions, and the button that migrates the pod. */
export function PodPageHeader({ pod, ...actions }: { pod: Pod } & Actions) {
  const [own, generated] = splitGeneratedSuffix(pod.name);
  const now = useCurrentTime();
  const requestsOk = usePodCounterTotal(pod.number, 'requestsOk');
  const requestsFailed = usePodCounterTotal(pod.number, 'requestsFailed');
  const since = (time: string) =>
    now === 0 ? '' : widenNarrowSpaces(formatElapsedTime(now - Date.parse(time)));
  return (
    <header className="flex items-center gap-4 border-line-1 border-b px-(--gutter) py-3 max-md:flex-col max-md:items-stretch">
      <div className="min-w-0 flex-1">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <h1 className="break-all font-semibold text-20 tracking-[-.014em] max-md:text-[18px]">
            {own}
            <span className="font-normal text-muted">{generated}</span>
          </h1>
          <DeviceKindBadge kind={pod.kind} />
          {isAttachFallback(pod) && (
            <span className="text-12 text-ink-2" title={podText.fallbackDetail}>
              <span className="sr-only">netkit </span>
              {formatProgramsOnHooks(pod.hooks)}
            </span>
          )}
          {pod.state === 'gone' && (
            <span className="flex items-center gap-1.5 text-12 text-signal-text">
              <WarningIcon /> {podText.gone}
            </span>
          )}
        </div>
        <dl className="mt-1 flex flex-wrap gap-x-4 gap-y-0.5 text-12 text-ink-2 tabular-nums">
          <Fact label={podText.namespace}>{pod.namespace}</Fact>
          <Fact label={pod.addresses.length > 1 ? podText.addresses : podText.address}>
            <PodAddressList addresses={pod.addresses} />
          </Fact>
          <Fact label={podText.up} title={formatAttachedTime(formatClockTime(Date.parse(pod.createdAt)))}>
            {since(pod.createdAt)}
          </Fact>
          <Fact
            label={formatOnDeviceKind(pod.kind)}
            title={formatSinceTime(formatClockTime(Date.parse(pod.kindSince)))}
          >
            {since(pod.kindSince)}
          </Fact>
          {!Number.isNaN(requestsOk) && (
            <>
              <Fact label={podText.requestsSucceeded} title={podText.requestsDetail}>
                {formatCount(requestsOk)}
              </Fact>
              <Fact label={podText.requestsFailed} title={podText.requestsDetail}>
                <span className={requestsFailed > 0 ? 'font-semibold text-signal-text' : ''}>
                  {formatCount(requestsFailed)}
                </span>
              </Fact>
            </>
          )}
        </dl>
        {[...goneConditions(pod), ...pod.conditions].map(({ message, remedy }) => (
          <ConditionNotice key={message} message={message} remedy={remedy} />
        ))}
      </div>
      <Action pod={pod} {...actions} />
    </header>
  );
}

function goneConditions(pod: Pod): Pick<Condition, 'message' | 'remedy'>[] {
  const message = pod.state === 'gone' ? podText.netnsGone : pod.device === null ? podText.deviceGone : null;
  return message === null ? [] : [{ message, remedy: null }];
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
  const { data: node } = useNodeInfo();
  const reasonId = useId();
  const to: DeviceKind = pod.kind === 'netkit' ? 'veth' : 'netkit';
  const missingRole = useMissingRoleReason('operator');
  const reason = findMigrationDisabledReason(pod, to, node) ?? missingRole;
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
          {podText.showMigration}
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
          {formatMigrateButtonLabel(to)}
        </Button>
      )}
      {pod.kind !== 'netkit' && (
        <Button asChild>
          <Link href={`${preflightHref([`${pod.namespace}.${pod.name}`])}&pod=${pod.namespace}.${pod.name}`}>
            <ListChecks aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
            {sharedText.preflight}
          </Link>
        </Button>
      )}
      <Button asChild>
        <Link href={`/trace?pod=${pod.namespace}.${pod.name}`}>
          <Activity aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
          {podText.trace}
        </Link>
      </Button>
      <CopyButton text={linkTo(pod)} what={podText.link} className="size-(--control)! border border-line-2" />
    </div>
  );
}

const linkTo = (pod: Pod): string =>
  typeof location === 'undefined' ? '' : new URL(`/pods/${pod.namespace}.${pod.name}`, location.href).href;
