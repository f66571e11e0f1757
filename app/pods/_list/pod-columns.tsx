'use client';

import type { CounterRateName } from '../../../contract/counter-table.ts';
import { DeviceKindLabel, type ShownDeviceKind } from '../../_components/device-kind.tsx';
import type { TableColumn } from '../../_components/table/table-column.ts';
import { timeSeriesOf } from '../../_lib/time-series/sample-store.ts';
import { PodAddressCell } from './address-cell.tsx';
import { isObserved, type ListedPod } from './listed-pod.ts';
import { ObservedPodCell } from './observed-pod-cell.tsx';
import {
  PodDropRateCell,
  PodNameCell,
  PodRateCell,
  PodRateSparkline,
  PodRequestCountCell,
} from './pod-cells.tsx';
import { PodConditionCell } from './pod-condition-cell.tsx';
import { computeAddressSortKey, type PodSortKey } from './pod-list-filter.ts';
import { RowSelectCheckbox } from './row-select-checkbox.tsx';
import { formatSelectPodLabel, podListText } from './text.ts';
import type { PodSelection } from './use-pod-selection.ts';

export type PodColumnKey = PodSortKey | 'select' | 'sparkline' | 'attention';
type PodColumn = TableColumn<ListedPod, PodColumnKey>;

const fromMedium = 'max-md:hidden';
const fromLarge = 'max-lg:hidden';
const fromExtraLarge = 'max-xl:hidden';
const fromWide = 'max-2xl:hidden';

/** Returns the kind that marks a pod in the list: that of its device, or that others made it. */
const shownKind = (pod: ListedPod): ShownDeviceKind => (isObserved(pod) ? 'observed' : pod.kind);

/** Columns of the pod list. A cell with a live value subscribes to it, so that the table need not render again. */
export const podColumns: readonly PodColumn[] = [
  {
    key: 'kind',
    label: podListText.kind,
    width: 'w-[104px] max-md:w-[34px]',
    sort: (pod) => shownKind(pod),
    cell: (pod) => (
      <>
        <span className="align-[-1px] max-md:hidden">
          <DeviceKindLabel kind={shownKind(pod)} />
        </span>
        <span className="md:hidden">
          <DeviceKindLabel kind={shownKind(pod)} hideWord />
        </span>
      </>
    ),
  },
  {
    key: 'pod',
    label: podListText.pod,
    width: '2xl:w-64',
    sort: ({ name }) => name,
    head: true,
    cell: (pod) => <PodNameCell pod={pod} />,
  },
  {
    key: 'namespace',
    label: podListText.namespace,
    width: 'w-[102px]',
    from: fromMedium,
    sort: ({ namespace }) => namespace,
    cell: ({ namespace }) => <span className="text-ink-2">{namespace}</span>,
  },
  {
    key: 'address',
    label: podListText.address,
    width: 'w-[132px]',
    from: fromLarge,
    sort: computeAddressSortKey,
    cell: ({ addresses }) => (
      <span className="text-ink-2">
        <PodAddressCell addresses={addresses} />
      </span>
    ),
  },
  rateColumn('pps-in', 'ingressPackets', podListText.ingress, podListText.packetsPerSecond, {
    width: 'w-[74px] max-md:w-16',
  }),
  rateColumn('pps-out', 'egressPackets', podListText.egress, podListText.packetsPerSecond, {
    width: 'w-[74px] max-md:w-16',
  }),
  rateColumn('bits-in', 'ingressBits', podListText.ingress, podListText.bitsPerSecond, {
    width: 'w-[78px]',
    from: fromLarge,
  }),
  rateColumn('bits-out', 'egressBits', podListText.egress, podListText.bitsPerSecond, {
    width: 'w-[78px]',
    from: fromLarge,
  }),
  {
    key: 'drops',
    label: podListText.dropsPerSecond,
    width: 'w-[68px] max-md:w-[76px]',
    from: 'max-md:pr-(--gutter)',
    align: 'right',
    sort: (pod) => meanRate(pod, 'egressDroppedPackets', 'ingressDroppedPackets'),
    cell: ({ number }) => <PodDropRateCell number={number} />,
  },
];

/** Columns of the pod list for the requests that a pod's test traffic counts. */
export const podRequestColumns: readonly PodColumn[] = [
  {
    key: 'ok',
    label: podListText.succeeded,
    group: podListText.requests,
    width: 'w-[78px]',
    from: fromExtraLarge,
    align: 'slot',
    sort: ({ number }) => timeSeriesOf(number).total(number, 'requestsOk'),
    cell: ({ number }) => <PodRequestCountCell number={number} column="requestsOk" />,
  },
  {
    key: 'failed',
    label: podListText.failed,
    group: podListText.requests,
    width: 'w-[64px]',
    from: fromExtraLarge,
    align: 'right',
    sort: ({ number }) => timeSeriesOf(number).total(number, 'requestsFailed'),
    cell: ({ number }) => <PodRequestCountCell number={number} column="requestsFailed" />,
  },
];

/** Columns of the pod list at its right edge. */
export const trailingPodColumns: readonly PodColumn[] = [
  {
    key: 'sparkline',
    label: podListText.sparkline,
    width: 'w-[144px] 2xl:w-32',
    from: `${fromMedium} pl-4 max-2xl:pr-(--gutter)`,
    cell: ({ number }) => <PodRateSparkline number={number} />,
  },
  {
    key: 'attention',
    label: podListText.attention,
    from: fromWide,
    cell: (pod) =>
      isObserved(pod) ? <ObservedPodCell pod={pod.observed} /> : <PodConditionCell pod={pod} />,
  },
];

/** Creates the column of check boxes that select pods. */
export const createPodSelectColumn = (
  selection: Pick<PodSelection, 'has' | 'toggle' | 'toggleAll'>,
  shownIds: readonly string[],
): PodColumn => {
  const selected = shownIds.filter(selection.has).length;
  return {
    key: 'select',
    label: '',
    width: 'w-[42px] max-md:w-[34px]',
    headContent: (
      <RowSelectCheckbox
        label={podListText.selectAll}
        checked={selected === 0 ? false : selected === shownIds.length || 'some'}
        onChange={() => selection.toggleAll(shownIds)}
      />
    ),
    cell: (pod) =>
      // A pod of others cannot be migrated.
      isObserved(pod) ? null : (
        <RowSelectCheckbox
          label={formatSelectPodLabel(pod.name)}
          checked={selection.has(pod.id)}
          onChange={(extend) => selection.toggle(pod.id, extend)}
        />
      ),
  };
};

function rateColumn(
  key: PodSortKey,
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
    cell: ({ number }) => <PodRateCell number={number} name={name} />,
    ...style,
  };
}

/**
 * Number of seconds over which rates are averaged before rows are sorted by them, so that brief changes move no rows.
 */
const sortSeconds = 15;

function meanRate(pod: ListedPod, ...names: CounterRateName[]): number {
  let sum = 0;
  for (const name of names)
    for (const value of timeSeriesOf(pod.number).values(pod.number, name, sortSeconds))
      if (value > 0) sum += value;
  return sum;
}
