'use client';

import type { BpfLink } from '../../../contract/program.ts';
import { EmptyState } from '../../_components/empty-state.tsx';
import { useUrlQueryState } from '../../_lib/use-url-state.ts';
import { createBpfObjectListFilterParser } from '../_components/bpf-object-list-filter.ts';
import { BpfObjectListPage } from '../_components/bpf-object-list-page.tsx';
import { formatBpfOwner, useBpfLinks } from '../program-queries.ts';
import { programsText } from '../text.ts';
import { bpfLinkColumns, bpfLinkSortKeys } from './link-columns.tsx';

const { parse, query } = createBpfObjectListFilterParser(bpfLinkSortKeys, 'default');

const texts = (link: BpfLink) => [
  ...[
    link.type,
    link.attachType ?? '',
    link.programName,
    link.target,
    formatBpfOwner(link.owner),
    ...link.pins,
  ],
  ...[link.device?.name ?? '', link.device?.namespace?.name ?? ''],
];

/** Page that lists all bpf_links on the node. */
export function BpfLinkListPage() {
  const { data, error, refetch } = useBpfLinks();
  const [view, change] = useUrlQueryState(parse, query);
  return (
    <BpfObjectListPage
      what={programsText.linksNoun}
      title={programsText.links}
      placeholder={programsText.linkFilterPlaceholder}
      rows={data ?? null}
      error={error}
      retry={() => void refetch()}
      columns={bpfLinkColumns}
      texts={texts}
      view={view}
      change={change}
      none={<EmptyState title={programsText.noLinks}>{programsText.noLinksDetail}</EmptyState>}
    />
  );
}
