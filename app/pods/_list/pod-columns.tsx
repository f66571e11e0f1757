'use client';

import type { CounterRateName } from '../../../contract/counters.ts';
import type { PodSummary } from '../../../contract/pod.ts';
import { Kind } from '../../_components/kind.tsx';
import type { Column } from '../../_components/table/column.ts';
import { podSeries } from '../../_lib/time-series/store.ts';
import { AddressCell } from './address-cell.tsx';
import { Attention } from './attention.tsx';
import { addressSortKey, type SortKey } from './list-view.ts';
import { DropCell, NameCell, RateCell, RateSparkline, RequestCell } from './pod-cells.tsx';
import { SelectBox } from './select-box.tsx';
import { listText, selectPodLabel } from './text.ts';
import type { PodSelection } from './use-selection.ts';

export type PodColumnKey = SortKey | 'select' | 'sparkline' | 'attention';
type PodColumn = Column<PodSummary, PodColumnKey>;

const fromMedium = 'max-md:hidden';
const fromLarge = 'max-lg:hidden';
const fromExtraLarge = 'max-xl:hidden';
const fromWide = 'max-2xl:hidden';

/** Columns that describe a pod. Each cell with a live value subscribes to it itself. */
export const podColumns: readonly PodColumn[] = [
  {
    key: 'kind',
    label: listText.kind,
    width: 'w-[92px] max-md:w-[34px]',
    sort: ({ kind }) => kind,
    cell: ({ kind }) => (
      <>
        <span className="align-[-1px] max-md:hidden">
          <Kind kind={kind} />
        </span>
        <span className="md:hidden">
          <Kind kind={kind} hideWord />
        </span>
      </>
    ),
  },
  {
    key: 'pod',
    label: listText.pod,
    width: '2xl:w-64',
    sort: ({ name }) => name,
    head: true,
    cell: (pod) => <NameCell pod={pod} />,
  },
  {
    key: 'namespace',
    label: listText.namespace,
    width: 'w-[102px]',
    from: fromMedium,
    sort: ({ namespace }) => namespace,
    cell: ({ namespace }) => <span className="text-ink-2">{namespace}</span>,
  },
  {
    key: 'address',
    label: listText.address,
    width: 'w-[132px]',
    from: fromLarge,
    sort: addressSortKey,
    cell: ({ addresses }) => (
      <span className="text-ink-2">
        <AddressCell addresses={addresses} />
      </span>
    ),
  },
  rateColumn('pps-in', 'ingressPackets', listText.ingress, listText.packetsPerSecond, {
    width: 'w-[74px] max-md:w-16',
  }),
  rateColumn('pps-out', 'egressPackets', listText.egress, listText.packetsPerSecond, {
    width: 'w-[74px] max-md:w-16',
  }),
  rateColumn('bits-in', 'ingressBits', listText.ingress, listText.bitsPerSecond, {
    width: 'w-[78px]',
    from: fromLarge,
  }),
  rateColumn('bits-out', 'egressBits', listText.egress, listText.bitsPerSecond, {
    width: 'w-[78px]',
    from: fromLarge,
  }),
  {
    key: 'drops',
    label: listText.dropsPerSecond,
    width: 'w-[68px] max-md:w-[76px]',
    from: 'max-md:pr-(--gutter)',
    align: 'right',
    sort: (pod) => meanRate(pod, 'egressDroppedPackets', 'ingressDroppedPackets'),
    cell: ({ number }) => <DropCell number={number} />,
  },
];

/** Columns of the requests that a pod's own traffic counts. */
export const requestColumns: readonly PodColumn[] = [
  {
    key: 'ok',
    label: listText.succeeded,
    group: listText.requests,
    width: 'w-[78px]',
    from: fromExtraLarge,
    align: 'slot',
    sort: ({ number }) => podSeries.total(number, 'requestsOk'),
    cell: ({ number }) => <RequestCell number={number} column="requestsOk" />,
  },
  {
    key: 'failed',
    label: listText.failed,
    group: listText.requests,
    width: 'w-[64px]',
    from: fromExtraLarge,
    align: 'right',
    sort: ({ number }) => podSeries.total(number, 'requestsFailed'),
    cell: ({ number }) => <RequestCell number={number} column="requestsFailed" />,
  },
];

/** Columns at the right edge. */
export const trailingColumns: readonly PodColumn[] = [
  {
    key: 'sparkline',
    label: listText.sparkline,
    width: 'w-[144px] 2xl:w-32',
    from: `${fromMedium} pl-4 max-2xl:pr-(--gutter)`,
    cell: ({ number }) => <RateSparkline number={number} />,
  },
  {
    key: 'attention',
    label: listText.attention,
    from: fromWide,
    cell: (pod) => <Attention pod={pod} />,
  },
];

/** Column of check boxes. */
export const selectColumn = (
  selection: Pick<PodSelection, 'has' | 'toggle' | 'toggleAll'>,
  shownIds: readonly string[],
): PodColumn => {
  const selected = shownIds.filter(selection.has).length;
  return {
    key: 'select',
    label: '',
    width: 'w-[42px] max-md:w-[34px]',
    headContent: (
      <SelectBox
        label={listText.selectAll}
        checked={selected === 0 ? false : selected === shownIds.length || 'some'}
        onChange={() => selection.toggleAll(shownIds)}
      />
    ),
    cell: ({ id, name }) => (
      <SelectBox
        label={selectPodLabel(name)}
        checked={selection.has(id)}
        onChange={(extend) => selection.toggle(id, extend)}
      />
    ),
  };
};

function rateColumn(
  key: SortKey,
  name: CounterRateName,
  label: string,
  group: string,
  style: Pick<PodColumn, 'width' | 'from'>,
): PodColumn {
  return {
    key,
    label,
    group,
    align: 'slot',
    sort: (pod) => meanRate(pod, name),
    cell: ({ number }) => <RateCell number={number} name={name} />,
    ...style,
  };
}

/** Seconds over which rates are averaged for the order, so that rows do not move because of small changes. */
const sortSeconds = 15;

function meanRate(pod: PodSummary, ...names: CounterRateName[]): number {
  let sum = 0;
  for (const name of names)
    for (const value of podSeries.values(pod.number, name, sortSeconds)) if (value > 0) sum += value;
  return sum;
}
