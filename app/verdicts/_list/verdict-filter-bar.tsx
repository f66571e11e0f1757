'use client';

import { Pause, Play } from 'lucide-react';
import type { VerdictKind } from '../../../contract/verdict.ts';
import { Button } from '../../_components/button.tsx';
import { FilterBar as Bar } from '../../_components/filter-bar.tsx';
import { FacetDivider, FilterTextField } from '../../_components/filter-field.tsx';
import { formInputClasses } from '../../_components/form-field.tsx';
import { VerdictLabel } from '../../_components/verdict-label.tsx';
import { formatCount } from '../../_lib/format.ts';
import { formatPodName } from '../../_lib/packet-labels.ts';
import { usePods } from '../../_lib/pod-queries.ts';
import { useActiveRules } from '../../_lib/rule-queries.ts';
import { verdictsText } from '../text.ts';
import type { VerdictFilterValues } from '../verdict-filter.ts';

interface VerdictFilterBarProps {
  view: VerdictFilterValues;
  change: (change: Partial<VerdictFilterValues>) => void;
  problems: { address?: string; port?: string };
  paused: boolean;
  pause: (paused: boolean) => void;
  /** Number of verdicts that have arrived since the list was paused. */
  waiting: number;
}

const kinds = ['dropped', 'logged', 'staged-deny', 'staged-allow'] as const;

/** Renders the filters of the list of verdicts, and its pause button. */
export function VerdictFilterBar({ view, change, problems, paused, pause, waiting }: VerdictFilterBarProps) {
  const pods = usePods().data ?? [];
  const rules = useActiveRules().data?.rules?.rules ?? [];
  return (
    <Bar className="gap-x-1 gap-y-1.5">
      <FilterTextField
        text={view.pod}
        change={(pod) => change({ pod })}
        label={verdictsText.filterByPod}
        placeholder={verdictsText.pod}
        options={pods.map(formatPodName)}
        width="w-52"
      />
      <Text
        label={verdictsText.filterByRule}
        placeholder={verdictsText.rule}
        value={view.rule}
        change={(rule) => change({ rule })}
        options={rules.map(({ name }) => name)}
        width="w-40"
      />
      <Text
        label={verdictsText.filterByAddress}
        placeholder={verdictsText.addressPlaceholder}
        value={view.address}
        change={(address) => change({ address })}
        problem={problems.address}
        width="w-40"
      />
      <Text
        label={verdictsText.filterByPort}
        placeholder={verdictsText.port}
        value={view.port}
        change={(port) => change({ port })}
        problem={problems.port}
        width="w-18"
      />
      <FacetDivider />
      <div className="flex flex-wrap items-center gap-1 max-md:-mx-2">
        {kinds.map((kind) => (
          <Kind key={kind} kind={kind} view={view} change={change} />
        ))}
      </div>
      <span className="flex-1" />
      <span role="status" className="text-12 text-ink-2 tabular-nums">
        {waiting > 0 && verdictsText.newWhilePaused(formatCount(waiting))}
      </span>
      <Button aria-pressed={paused} onClick={() => pause(!paused)}>
        {paused ? (
          <Play aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
        ) : (
          <Pause aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
        )}
        {paused ? verdictsText.resume : verdictsText.pause}
      </Button>
    </Bar>
  );
}

interface TextProps {
  label: string;
  placeholder: string;
  value: string;
  change: (value: string) => void;
  options?: readonly string[];
  problem?: string | undefined;
  width: string;
}

function Text({ label, placeholder, value, change, options, problem, width }: TextProps) {
  const list = `options of ${label}`;
  return (
    <>
      <input
        value={value}
        onChange={(event) => change(event.target.value)}
        placeholder={placeholder}
        aria-label={label}
        aria-invalid={problem !== undefined}
        title={problem}
        list={options === undefined ? undefined : list}
        spellCheck={false}
        autoComplete="off"
        data-filter
        className={`${formInputClasses} ${width} max-md:w-auto max-md:flex-[1_1_40%]`}
      />
      {options !== undefined && (
        <datalist id={list}>
          {options.map((option) => (
            <option key={option} value={option} />
          ))}
        </datalist>
      )}
    </>
  );
}

function Kind({
  kind,
  view,
  change,
}: { kind: VerdictKind } & Pick<VerdictFilterBarProps, 'view' | 'change'>) {
  const on = view.verdict === kind;
  return (
    <button
      type="button"
      aria-pressed={on}
      onClick={() => change({ verdict: on ? '' : kind })}
      className="inline-flex h-(--control) items-center rounded-2 px-2 text-12 hover:bg-surface-2 aria-pressed:bg-surface-3"
    >
      <VerdictLabel kind={kind} />
    </button>
  );
}
