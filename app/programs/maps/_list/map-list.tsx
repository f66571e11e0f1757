'use client';

import type { BpfMap } from '../../../../contract/map.ts';
import { EmptyState } from '../../../_components/empty-state.tsx';
import { useUrlQueryState } from '../../../_lib/use-url-state.ts';
import { createBpfObjectListFilterParser } from '../../_components/object-list-filter.ts';
import { BpfObjectListPage } from '../../_components/object-list-page.tsx';
import { formatBpfOwner } from '../../program-queries.ts';
import { useMaps } from '../map-queries.ts';
import { mapsText } from '../text.ts';
import { mapColumns, mapSortKeys } from './map-columns.tsx';

const { parse, query } = createBpfObjectListFilterParser(mapSortKeys, 'default');

const texts = (map: BpfMap) => [
  ...[map.name, map.type, formatBpfOwner(map.owner), ...map.flagNames, ...map.pins],
  ...map.holders.map(({ name, pid }) => `${name} ${pid}`),
];

/** Page that lists all eBPF maps on the node. */
export function MapListPage() {
  const { data, error, refetch } = useMaps();
  const [view, change] = useUrlQueryState(parse, query);
  return (
    <BpfObjectListPage
      what={mapsText.mapsNoun}
      title={mapsText.maps}
      placeholder={mapsText.mapFilterPlaceholder}
      rows={data ?? null}
      error={error}
      retry={() => void refetch()}
      columns={mapColumns}
      texts={texts}
      view={view}
      change={change}
      none={<EmptyState title={mapsText.noMaps}>{mapsText.noMapsDetail}</EmptyState>}
    />
  );
}
