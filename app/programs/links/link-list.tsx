'use client';

import type { BpfLink } from '../../../contract/program.ts';
import { EmptyState } from '../../_components/empty-state.tsx';
import { useUrlState } from '../../_lib/use-url-state.ts';
import { listFilter } from '../_components/list-filter.ts';
import { OwnedList } from '../_components/owned-list.tsx';
import { ownerText, useBpfLinks } from '../program-queries.ts';
import { programsText } from '../text.ts';
import { linkColumns, linkSortKeys } from './link-columns.tsx';

const { parse, query } = listFilter(linkSortKeys, 'default');

const texts = (link: BpfLink) => [
  ...[link.type, link.attachType ?? '', link.programName, link.target, ownerText(link.owner), ...link.pins],
  ...[link.device?.name ?? '', link.device?.namespace?.name ?? ''],
];

/** Page of all bpf_links on the node. */
export function LinkListPage() {
  const { data, error, refetch } = useBpfLinks();
  const [view, change] = useUrlState(parse, query);
  return (
    <OwnedList
      what={programsText.linksNoun}
      title={programsText.links}
      placeholder={programsText.linkFilterPlaceholder}
      rows={data ?? null}
      error={error}
      retry={() => void refetch()}
      columns={linkColumns}
      texts={texts}
      view={view}
      change={change}
      none={<EmptyState title={programsText.noLinks}>{programsText.noLinksDetail}</EmptyState>}
    />
  );
}
