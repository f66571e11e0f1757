'use client';

import { type ReactNode, useId } from 'react';
import type { NewBatch } from '../../../../contract/batch.ts';
import type { DeviceKind } from '../../../../contract/device.ts';
import { maxBatchParallelism } from '../../../../contract/limits.ts';
import { batchText, formatBatchPodCount, formatRecreateOptionLabel } from './text.ts';

export type BatchFormOptions = Pick<NewBatch, 'parallelism' | 'onUnhealthy' | 'onLoss' | 'recreate'>;

export const defaultBatchFormOptions: BatchFormOptions = {
  parallelism: 4,
  onUnhealthy: 'pause',
  onLoss: 'refuse',
  recreate: false,
};

interface Props {
  options: BatchFormOptions;
  change: (change: Partial<BatchFormOptions>) => void;
  /** Target device kind of the batch. `skipped` is the number of pods already on it. */
  to: DeviceKind;
  skipped: number;
}

/** Renders the form fields for a batch's options. */
export function BatchOptionFields({ options, change, to, skipped }: Props) {
  return (
    <section aria-labelledby="options" className="border-line-1 border-b px-6 py-3 max-md:px-4">
      <h3 id="options" className="pb-1 font-semibold">
        {batchText.options}
      </h3>
      <Parallelism value={options.parallelism} change={(parallelism) => change({ parallelism })} />
      <Switch
        label={batchText.onUnhealthy}
        detail={options.onUnhealthy === 'stop' ? batchText.stops : batchText.pauses}
        on={options.onUnhealthy === 'stop'}
        change={(on) => change({ onUnhealthy: on ? 'stop' : 'pause' })}
      />
      <Switch
        label={batchText.onLoss}
        detail={options.onLoss === 'accept' ? batchText.acceptsLoss : batchText.refusesLoss}
        on={options.onLoss === 'accept'}
        change={(on) => change({ onLoss: on ? 'accept' : 'refuse' })}
      />
      {(skipped > 0 || options.recreate) && (
        <Switch
          label={formatRecreateOptionLabel(to)}
          detail={batchText.recreateDetail}
          on={options.recreate}
          change={(recreate) => change({ recreate })}
        />
      )}
    </section>
  );
}

function Parallelism({ value, change }: { value: number; change: (value: number) => void }) {
  const id = useId();
  return (
    <div className="flex min-h-8 flex-wrap items-center gap-x-3 py-0.5">
      <label htmlFor={id}>{batchText.parallelism}</label>
      <input
        id={id}
        type="range"
        min={1}
        max={maxBatchParallelism}
        value={value}
        onChange={({ target }) => change(Number(target.value))}
        className="w-40 accent-accent"
        aria-valuetext={formatBatchPodCount(value)}
      />
      <b className="w-5 font-semibold tabular-nums">{value}</b>
      <span className="text-12 text-muted">{value === 1 ? batchText.oneAtATime : batchText.atMost}</span>
    </div>
  );
}

interface SwitchProps {
  label: string;
  detail: ReactNode;
  on: boolean;
  change: (on: boolean) => void;
}

function Switch({ label, detail, on, change }: SwitchProps) {
  return (
    <label className="flex min-h-8 cursor-pointer flex-wrap items-center gap-x-3 py-0.5">
      <span className="relative h-4 w-7 flex-none">
        <input
          type="checkbox"
          role="switch"
          aria-checked={on}
          checked={on}
          onChange={({ target }) => change(target.checked)}
          className="peer absolute inset-0 cursor-pointer opacity-0"
        />
        <span
          aria-hidden="true"
          className="pointer-events-none absolute inset-0 rounded-lane border border-line-control bg-surface-2 transition-colors duration-80 after:absolute after:top-0.5 after:left-0.5 after:size-2.5 after:rounded-lane after:bg-line-control after:transition-transform after:duration-80 peer-checked:border-accent peer-checked:bg-accent peer-checked:after:translate-x-3 peer-checked:after:bg-accent-on peer-focus-visible:outline-2 peer-focus-visible:outline-focus peer-focus-visible:outline-offset-2"
        />
      </span>
      <span>{label}</span>
      <span className="text-12 text-muted">{detail}</span>
    </label>
  );
}
