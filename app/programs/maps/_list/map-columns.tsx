import Link from 'next/link';
import type { BpfMap } from '../../../../contract/bpf-map.ts';
import { SiNumber } from '../../../_components/number-display.tsx';
import type { TableColumn } from '../../../_components/table/table-column.ts';
import { formatCount } from '../../../_lib/format.ts';
import { BpfOwnerLabel } from '../../_components/bpf-owner-label.tsx';
import { formatBpfOwner } from '../../program-queries.ts';
import { bpfMapsText } from '../text.ts';

export const bpfMapSortKeys = [
  'default',
  'id',
  'name',
  'type',
  'owner',
  'key',
  'value',
  'max',
  'memory',
  'programs',
  'flags',
] as const;
export type BpfMapSortKey = (typeof bpfMapSortKeys)[number];

export const formatBpfMapName = ({ name, id }: Pick<BpfMap, 'name' | 'id'>): string =>
  name === '' ? `#${id}` : name;

const whole = (value: number) => <span className="tabular-nums">{formatCount(value)}</span>;

export const bpfMapColumns: readonly TableColumn<BpfMap, BpfMapSortKey>[] = [
  {
    key: 'id',
    label: bpfMapsText.id,
    width: 'w-[74px]',
    from: 'max-md:hidden',
    align: 'right',
    sort: ({ id }) => id,
    cell: ({ id }) => <span className="code text-ink-2">{id}</span>,
  },
  {
    key: 'name',
    label: bpfMapsText.map,
    width: 'w-[190px] max-md:w-auto',
    head: true,
    sort: formatBpfMapName,
    cell: (map) => (
      <Link
        href={`/programs/maps/${map.id}`}
        prefetch={false}
        data-row-link
        className="code font-semibold after:absolute after:inset-0 focus-visible:outline-none"
      >
        {formatBpfMapName(map)}
      </Link>
    ),
  },
  {
    key: 'type',
    label: bpfMapsText.type,
    width: 'w-[150px] max-md:w-[118px]',
    sort: ({ type }) => type,
    cell: ({ type }) => <span className="code text-ink-2">{type}</span>,
  },
  {
    key: 'owner',
    label: bpfMapsText.owner,
    from: 'max-md:hidden',
    sort: ({ owner }) => formatBpfOwner(owner),
    cell: ({ owner }) => <BpfOwnerLabel owner={owner} />,
  },
  {
    key: 'flags',
    label: bpfMapsText.flags,
    width: 'w-[180px]',
    from: 'max-xl:hidden',
    cell: ({ flagNames, frozen }) => (
      <span className="code text-muted">{[...flagNames, ...(frozen ? ['frozen'] : [])].join(' ')}</span>
    ),
  },
  {
    key: 'key',
    label: bpfMapsText.keySizeColumn,
    width: 'w-[70px]',
    from: 'max-lg:hidden',
    align: 'right',
    title: bpfMapsText.keySizeTitle,
    sort: ({ keyBytes }) => keyBytes,
    cell: ({ keyBytes }) => whole(keyBytes),
  },
  {
    key: 'value',
    label: bpfMapsText.valueSizeColumn,
    width: 'w-[80px]',
    from: 'max-lg:hidden',
    align: 'right',
    title: bpfMapsText.valueSizeTitle,
    sort: ({ valueBytes }) => valueBytes,
    cell: ({ valueBytes }) => whole(valueBytes),
  },
  {
    key: 'max',
    label: bpfMapsText.maxEntries,
    width: 'w-[110px] max-md:w-[116px]',
    from: 'max-md:pr-(--gutter)',
    align: 'right',
    sort: ({ maxEntries }) => maxEntries,
    cell: ({ maxEntries }) => whole(maxEntries),
  },
  {
    key: 'memory',
    label: bpfMapsText.memory,
    width: 'w-[90px] max-lg:w-[106px]',
    from: 'max-md:hidden max-lg:pr-(--gutter)',
    align: 'slot',
    title: bpfMapsText.memorySizeTitle,
    sort: ({ memoryBytes }) => memoryBytes,
    cell: ({ memoryBytes }) => (
      <SiNumber value={memoryBytes ?? Number.NaN} unknown={bpfMapsText.notReported} />
    ),
  },
  {
    key: 'programs',
    label: bpfMapsText.programs,
    width: 'w-[104px]',
    from: 'max-lg:hidden',
    align: 'right',
    title: bpfMapsText.programsTitle,
    sort: ({ programIds }) => programIds.length,
    cell: ({ programIds }) => (
      <span className={`tabular-nums ${programIds.length === 0 ? 'text-muted' : ''}`}>
        {programIds.length}
      </span>
    ),
  },
];
