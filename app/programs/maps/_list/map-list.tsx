'use client';

import type { BpfMap } from '../../../../contract/bpf-map.ts';
import { EmptyState } from '../../../_components/empty-state.tsx';
import { useUrlQueryState } from '../../../_lib/use-url-state.ts';
import { createBpfObjectListFilterParser } from '../../_components/bpf-object-list-filter.ts';
import { BpfObjectListPage } from '../../_components/bpf-object-list-page.tsx';
import { formatBpfOwner } from '../../program-queries.ts';
import { useBpfMaps } from '../map-queries.ts';
import { bpfMapsText } from '../text.ts';
import { bpfMapColumns, bpfMapSortKeys } from './map-columns.tsx';

const { parse, query } = createBpfObjectListFilterParser(bpfMapSortKeys, 'default');

const texts = (map: BpfMap) => [
  ...[map.name, map.type, formatBpfOwner(map.owner), ...map.flagNames, ...map.pins],
  ...map.holders.map(({ name, pid }) => `${name} ${pid}`),
];

/** Page that lists all eBPF maps on the node. */
export function BpfMapListPage() {
  const { data, error, refetch } = useBpfMaps();
  const [view, change] = useUrlQueryState(parse, query);
  return (
    <BpfObjectListPage
      what={bpfMapsText.mapsNoun}
      title={bpfMapsText.maps}
      placeholder={bpfMapsText.mapFilterPlaceholder}
      rows={data ?? null}
      error={error}
      retry={() => void refetch()}
      columns={bpfMapColumns}
      texts={texts}
      view={view}
      change={change}
      none={<EmptyState title={bpfMapsText.noMaps}>{bpfMapsText.noMapsDetail}</EmptyState>}
    />
  );
}
