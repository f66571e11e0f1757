'use client';

import Link from 'next/link';
import { useId } from 'react';
import type { BatchPod } from '../../../../contract/batch.ts';
import type { BatchPodState } from '../../../../contract/batch-states.ts';
import type { DeviceKind } from '../../../../contract/device.ts';
import { DeviceKindChangeLabel } from '../../../_components/device-kind.tsx';
import { MigrationStepBar } from '../../../_components/migration-step-bar.tsx';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { formatCount } from '../../../_lib/format.ts';
import { useMigration } from '../../../_lib/migration-queries.ts';
import { splitGeneratedSuffix } from '../../../_lib/pod-queries.ts';
import { batchText, listBatchPodNotes } from './text.ts';

interface Props {
  pods: readonly (BatchPod & { notes?: readonly string[] })[];
  to: DeviceKind;
  order: readonly BatchPodState[];
  label: (state: BatchPodState) => string;
}

/** Lists the pods of a batch grouped by state, each with its migration steps, reason and notes. */
export function BatchPodList({ pods, to, order, label }: Props) {
  return order.map((state) => {
    const some = pods.filter((pod) => pod.state === state);
    return some.length === 0 ? null : <Group key={state} title={label(state)} pods={some} to={to} />;
  });
}

function Group({ title, pods, to }: { title: string; pods: Props['pods']; to: DeviceKind }) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="px-6 pb-3 max-md:px-4">
      <h3 id={id} className="flex h-8 items-center gap-2 border-line-1 border-b font-semibold">
        {title}
        <span className="font-normal text-muted tabular-nums">{formatCount(pods.length)}</span>
      </h3>
      <ul>
        {pods.map((pod) => (
          <Line key={pod.podId} pod={pod} to={to} />
        ))}
      </ul>
    </section>
  );
}

function Line({ pod, to }: { pod: Props['pods'][number]; to: DeviceKind }) {
  const [own, generated] = splitGeneratedSuffix(pod.name);
  const hasFailed = pod.state === 'unhealthy' || pod.state === 'refused';
  const page = `/pods/${pod.namespace}.${pod.name}`;
  return (
    // Only visible lines are laid out, since a batch can have thousands of pods.
    <li className="border-line-1 border-b py-1 [contain-intrinsic-size:auto_29px] [content-visibility:auto]">
      <div className="flex min-h-5 items-center gap-x-3">
        <DeviceKindChangeLabel from={pod.from} to={pod.state === 'skipped' ? pod.from : to} />
        <Link
          href={pod.migrationId === null ? page : `${page}?migration=${encodeURIComponent(pod.migrationId)}`}
          prefetch={false}
          className="min-w-0 truncate hover:underline"
        >
          <span className="text-muted">{pod.namespace}/</span>
          <b className="font-[550]">{own}</b>
          <span className="text-muted">{generated}</span>
        </Link>
        <span className="flex-1" />
        {pod.state === 'running' && pod.migrationId !== null && <Steps id={pod.migrationId} />}
        {pod.code !== null && <span className="code text-muted max-md:hidden">{pod.code}</span>}
      </div>
      {pod.reason !== null && (
        <p className={`flex items-start gap-1.5 text-12 ${hasFailed ? 'text-signal-text' : 'text-muted'}`}>
          {hasFailed && <WarningIcon />}
          <span className="min-w-0 [overflow-wrap:anywhere]">
            {pod.reason}
            {pod.state === 'unhealthy' && (pod.moved ? batchText.onNewDevice : batchText.onOldDevice)}
          </span>
        </p>
      )}
      {listBatchPodNotes(pod).map((note) => (
        <p key={note} className="text-12 text-muted [overflow-wrap:anywhere]">
          {note}
        </p>
      ))}
    </li>
  );
}

function Steps({ id }: { id: string }) {
  const { data: migration } = useMigration(id);
  if (migration === undefined) return null;
  const step = migration.steps.findLast(({ state }) => state !== 'pending')?.step ?? 'planned';
  return (
    <span className="inline-flex items-center gap-1.5 text-12 text-ink-2">
      <MigrationStepBar steps={migration.steps} />
      <span className="w-20">{step}</span>
    </span>
  );
}
