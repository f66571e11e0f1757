'use client';

import type { BpfMap } from '../../../../contract/map.ts';
import { EmptyState } from '../../../_components/empty-state.tsx';
import { useMaps } from '../../../_lib/maps.ts';
import { ownerText } from '../../../_lib/programs.ts';
import { useAddressView } from '../../../_lib/use-address-view.ts';
import { OwnedList } from '../../_components/owned-list.tsx';
import { textView } from '../../_components/text-view.ts';
import { columns, sortKeys } from './columns.tsx';

const { parse, query } = textView(sortKeys, 'ours');

const texts = (map: BpfMap) => [
  ...[map.name, map.type, ownerText(map.owner), ...map.flagNames, ...map.pins],
  ...map.holders.map(({ name, pid }) => `${name} ${pid}`),
];

/** Every eBPF map of the node. */
export function Maps() {
  const { data, error, refetch } = useMaps();
  const [view, change] = useAddressView(parse, query);
  return (
    <OwnedList
      what="maps"
      title="Maps"
      placeholder="Name, id, type, owner, pin"
      rows={data ?? null}
      error={error}
      retry={() => void refetch()}
      columns={columns}
      texts={texts}
      view={view}
      change={change}
      none={<EmptyState title="No map is loaded">Maps are made with the programs that use them.</EmptyState>}
    />
  );
}
