'use client';

import type { BpfMap } from '../../../../contract/map.ts';
import { EmptyState } from '../../../_components/empty-state.tsx';
import { useMaps } from '../map-queries.ts';
import { ownerText } from '../../program-queries.ts';
import { useUrlState } from '../../../_lib/use-url-state.ts';
import { OwnedList } from '../../_components/owned-list.tsx';
import { listFilter } from '../../_components/list-filter.ts';
import { mapColumns, mapSortKeys } from './map-columns.tsx';

const { parse, query } = listFilter(mapSortKeys, 'ours');

const texts = (map: BpfMap) => [
  ...[map.name, map.type, ownerText(map.owner), ...map.flagNames, ...map.pins],
  ...map.holders.map(({ name, pid }) => `${name} ${pid}`),
];

/** Every eBPF map of the node. */
export function MapListPage() {
  const { data, error, refetch } = useMaps();
  const [view, change] = useUrlState(parse, query);
  return (
    <OwnedList
      what="maps"
      title="Maps"
      placeholder="Name, id, type, owner, pin"
      rows={data ?? null}
      error={error}
      retry={() => void refetch()}
      columns={mapColumns}
      texts={texts}
      view={view}
      change={change}
      none={<EmptyState title="No map is loaded">Maps are made with the programs that use them.</EmptyState>}
    />
  );
}
