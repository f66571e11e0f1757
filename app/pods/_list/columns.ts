import {
  columnVisibilityFeature,
  createColumnHelper,
  createSortedRowModel,
  rowSortingFeature,
  sortFn_basic,
  tableFeatures,
} from '@tanstack/react-table';
import type { RateName } from '../../../contract/counters.ts';
import type { PodSummary } from '../../../contract/pod.ts';
import { podSeries } from '../../_lib/time-series/store.ts';
import { addressSortKey, type SortKey } from './list-view.ts';

/** How a column looks: its width, and from which width of the window it is there. */
export interface ColumnStyle {
  /** What the head says. */
  label: string;
  /** What is read out before the label, where a group above it says it to the eye. */
  group?: 'packets/s' | 'bit/s' | 'requests';
  /** Of the `<col>`. */
  width: string;
  /** Of every cell; hides the column where it is too narrow. */
  from: string;
  align: 'left' | 'right' | 'slot';
}

const always = '';
const fromMedium = 'max-md:hidden';
const fromLarge = 'max-lg:hidden';
const fromExtraLarge = 'max-xl:hidden';
const fromWide = 'max-2xl:hidden';

export const columnStyles: Record<SortKey | 'trace' | 'attention', ColumnStyle> = {
  kind: { label: 'kind', width: 'w-[92px] max-md:w-[34px]', from: always, align: 'left' },
  pod: { label: 'pod', width: '2xl:w-64', from: always, align: 'left' },
  namespace: { label: 'namespace', width: 'w-[102px]', from: fromMedium, align: 'left' },
  address: { label: 'address', width: 'w-[132px]', from: fromLarge, align: 'left' },
  'pps-in': { label: 'in', group: 'packets/s', width: 'w-[74px] max-md:w-16', from: always, align: 'slot' },
  'pps-out': { label: 'out', group: 'packets/s', width: 'w-[74px] max-md:w-16', from: always, align: 'slot' },
  'bits-in': { label: 'in', group: 'bit/s', width: 'w-[78px]', from: fromLarge, align: 'slot' },
  'bits-out': { label: 'out', group: 'bit/s', width: 'w-[78px]', from: fromLarge, align: 'slot' },
  drops: { label: 'drops/s', width: 'w-[68px] max-md:w-[76px]', from: always, align: 'right' },
  ok: { label: 'ok', group: 'requests', width: 'w-[78px]', from: fromExtraLarge, align: 'slot' },
  failed: { label: 'failed', group: 'requests', width: 'w-[64px]', from: fromExtraLarge, align: 'right' },
  trace: { label: 'pps in, last 60 s', width: 'w-[144px] 2xl:w-32', from: fromMedium, align: 'left' },
  attention: { label: 'attention', width: '', from: fromWide, align: 'left' },
};

export const features = tableFeatures({
  rowSortingFeature,
  columnVisibilityFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { basic: sortFn_basic },
});

const helper = createColumnHelper<typeof features, PodSummary>();

/** Seconds over which rates are averaged for the order, so that rows do not change places over nothing. */
const orderSeconds = 15;

function meanRate(pod: PodSummary, ...fields: RateName[]): number {
  let sum = 0;
  for (const field of fields)
    for (const value of podSeries.values(pod.number, field, orderSeconds)) if (value > 0) sum += value;
  return sum;
}

const total = (pod: PodSummary, column: 'requestsOk' | 'requestsFailed'): number => {
  const value = podSeries.total(pod.number, column);
  return Number.isNaN(value) ? -1 : value;
};

/** What each column is sorted by. The cells read their live values themselves. */
export const columns = helper.columns([
  helper.accessor('kind', { id: 'kind', sortFn: 'basic' }),
  helper.accessor('name', { id: 'pod', sortFn: 'basic' }),
  helper.accessor('namespace', { id: 'namespace', sortFn: 'basic' }),
  helper.accessor(addressSortKey, { id: 'address', sortFn: 'basic' }),
  helper.accessor((pod) => meanRate(pod, 'ingressPackets'), { id: 'pps-in', sortFn: 'basic' }),
  helper.accessor((pod) => meanRate(pod, 'egressPackets'), { id: 'pps-out', sortFn: 'basic' }),
  helper.accessor((pod) => meanRate(pod, 'ingressBits'), { id: 'bits-in', sortFn: 'basic' }),
  helper.accessor((pod) => meanRate(pod, 'egressBits'), { id: 'bits-out', sortFn: 'basic' }),
  helper.accessor((pod) => meanRate(pod, 'egressDroppedPackets', 'ingressDroppedPackets'), {
    id: 'drops',
    sortFn: 'basic',
  }),
  helper.accessor((pod) => total(pod, 'requestsOk'), { id: 'ok', sortFn: 'basic' }),
  helper.accessor((pod) => total(pod, 'requestsFailed'), { id: 'failed', sortFn: 'basic' }),
  helper.display({ id: 'trace' }),
  helper.display({ id: 'attention' }),
]);
