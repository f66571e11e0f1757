import { ArrowDown, ArrowUp } from 'lucide-react';
import type { ReactNode } from 'react';
import { type ColumnStyle, columnStyles } from './columns.ts';
import { type PodListView, type SortKey, startsDescending } from './list-view.ts';

interface TableHeadProps {
  /** The box that selects all rows. */
  selectAll: ReactNode;
  view: PodListView;
  change: (change: Partial<PodListView>) => void;
  showRequests: boolean;
}

const grouped: Record<NonNullable<ColumnStyle['group']>, [SortKey, SortKey]> = {
  'packets/s': ['pps-in', 'pps-out'],
  'bit/s': ['bits-in', 'bits-out'],
  requests: ['ok', 'failed'],
};

export const headRows = 2;

/** Two rows: what the columns share, and the columns, each a button that sorts. */
export function TableHead({ selectAll, view, change, showRequests }: TableHeadProps) {
  const column = (key: SortKey) => <Column key={key} id={key} view={view} change={change} />;
  return (
    <>
      <colgroup>
        <col className="w-[42px] max-md:w-[34px]" />
        {Object.entries(columnStyles).map(([key, look]) =>
          look.group === 'requests' && !showRequests ? null : (
            <col key={key} className={`${look.width} ${look.from}`} />
          ),
        )}
      </colgroup>
      <thead className="sticky top-(--chrome) z-10 bg-surface-0 md:top-[calc(var(--chrome)+var(--bar))]">
        <tr aria-rowindex={1}>
          <td />
          <td />
          <td />
          <td className={columnStyles.namespace.from} />
          <td className={columnStyles.address.from} />
          <Group name="packets/s" />
          <Group name="bit/s" />
          <td />
          {showRequests && <Group name="requests" />}
          <td className={columnStyles.trace.from} />
          <td className={columnStyles.attention.from} />
        </tr>
        <tr aria-rowindex={2}>
          <th scope="col" className={`${head} relative pr-0! pl-(--gutter)!`}>
            {selectAll}
          </th>
          {(
            [
              'kind',
              'pod',
              'namespace',
              'address',
              'pps-in',
              'pps-out',
              'bits-in',
              'bits-out',
              'drops',
            ] as const
          ).map(column)}
          {showRequests && (['ok', 'failed'] as const).map(column)}
          <th scope="col" className={`${head} ${columnStyles.trace.from} pl-4`}>
            {columnStyles.trace.label}
          </th>
          <th scope="col" className={`${head} ${columnStyles.attention.from}`}>
            {columnStyles.attention.label}
          </th>
        </tr>
      </thead>
    </>
  );
}

const head = 'h-6 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted whitespace-nowrap';

function Group({ name }: { name: keyof typeof grouped }) {
  return (
    <th
      scope="colgroup"
      colSpan={2}
      className={`h-5 px-2 align-bottom font-[450] text-12 text-muted ${columnStyles[grouped[name][0]].from}`}
    >
      <span className="block border-line-1 border-b text-right leading-[17px]">{name}</span>
    </th>
  );
}

interface ColumnProps {
  id: SortKey;
  view: PodListView;
  change: (change: Partial<PodListView>) => void;
}

function Column({ id, view, change }: ColumnProps) {
  const look = columnStyles[id];
  const sorted = view.sort === id;
  const Arrow = view.descending ? ArrowDown : ArrowUp;
  const sort = () => change({ sort: id, descending: sorted ? !view.descending : startsDescending(id) });
  const edge = id === 'drops' ? 'max-md:pr-(--gutter)' : '';
  return (
    <th
      scope="col"
      aria-sort={sorted ? (view.descending ? 'descending' : 'ascending') : undefined}
      className={`${head} ${look.from} ${edge}`}
    >
      <button
        type="button"
        onClick={sort}
        className={`inline-flex w-full items-center gap-0.5 hover:text-ink-1 ${look.align === 'left' ? '' : 'justify-end'} ${look.align === 'slot' ? 'pr-[13px]' : ''} ${sorted ? 'font-[550] text-ink-1' : ''}`}
      >
        {sorted && look.align !== 'left' && <Arrow aria-hidden="true" className="size-3" />}
        {look.group !== undefined && <span className="sr-only">{look.group} </span>}
        <span className={id === 'kind' ? 'max-md:sr-only' : ''}>{look.label}</span>
        {sorted && look.align === 'left' && <Arrow aria-hidden="true" className="size-3" />}
      </button>
    </th>
  );
}
