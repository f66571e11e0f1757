'use client';

import type { BpfLink } from '../../../contract/program.ts';
import { EmptyState } from '../../_components/empty-state.tsx';
import { ownerText, useBpfLinks } from '../program-queries.ts';
import { useUrlState } from '../../_lib/use-url-state.ts';
import { OwnedList } from '../_components/owned-list.tsx';
import { textView } from '../_components/list-filter.ts';
import { columns, sortKeys } from './link-columns.tsx';

const { parse, query } = textView(sortKeys, 'ours');

const texts = (link: BpfLink) => [
  ...[link.type, link.attachType ?? '', link.programName, link.target, ownerText(link.owner), ...link.pins],
  ...[link.device?.name ?? '', link.device?.namespace?.name ?? ''],
];

/** Every link of the node: what holds a program at its place. */
export function Links() {
  const { data, error, refetch } = useBpfLinks();
  const [view, change] = useUrlState(parse, query);
  return (
    <OwnedList
      what="links"
      title="Links"
      placeholder="Program, device, owner, pin"
      rows={data ?? null}
      error={error}
      retry={() => void refetch()}
      columns={columns}
      texts={texts}
      view={view}
      change={change}
      none={
        <EmptyState title="No link">
          Programs that are attached by a link are listed here; tc filters have none.
        </EmptyState>
      }
    />
  );
}
