'use client';

import { TriangleAlert } from 'lucide-react';
import { DeviceKindIcon } from '../../_components/device-kind.tsx';
import { FilterBar as Bar } from '../../_components/filter-bar.tsx';
import {
  FacetButton,
  FacetDivider,
  FilterTextField,
  toggleListItem,
} from '../../_components/filter-field.tsx';
import { type PodFacetCounts, type PodListFilter, podListViews } from './pod-list-filter.ts';
import { podListText } from './text.ts';

interface FilterBarProps {
  view: PodListFilter;
  change: (change: Partial<PodListFilter>) => void;
  /** Number of pods per filter button; null while the pods are loading. */
  facets: PodFacetCounts | null;
  /** Which pods are listed, and how many there are of each; null on a node without pods of others. */
  shows: { current: 'own' | 'observed' | 'all'; counts: Record<'own' | 'observed' | 'all', number> } | null;
}

const maxNamespaces = 6;

/** Renders the text and toggle filters of the pod list. Filters of one group are combined by OR, groups by AND. */
export function PodFilterBar({ view, change, facets, shows }: FilterBarProps) {
  const all = facets?.namespaces ?? [];
  const chosen = all.filter(([name]) => view.namespaces.includes(name));
  const rest = all.filter(([name]) => !view.namespaces.includes(name));
  const namespaces = [...chosen, ...rest].slice(0, Math.max(maxNamespaces, chosen.length));
  return (
    <Bar>
      <FilterTextField
        text={view.text}
        change={(text) => change({ text })}
        label={podListText.filter}
        placeholder={podListText.filterPlaceholder}
      />
      {shows !== null && (
        // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out in a row of the bar
        <div role="group" aria-label={podListText.showGroup} className="flex items-center gap-1 max-md:-mx-2">
          {podListViews.map((show) => (
            <FacetButton
              key={show}
              count={shows.counts[show]}
              on={shows.current === show}
              toggle={() => change({ show })}
            >
              {show === 'observed' && <DeviceKindIcon kind="observed" />}
              {podListText.shows[show]}
            </FacetButton>
          ))}
          <FacetDivider />
        </div>
      )}
      <div className="flex flex-wrap items-center gap-1 max-md:-mx-2">
        {(['netkit', 'veth'] as const).map((kind) => (
          <FacetButton
            key={kind}
            count={facets?.kinds[kind]}
            on={view.kinds.includes(kind)}
            toggle={() => change({ kinds: toggleListItem(view.kinds, kind) })}
          >
            <DeviceKindIcon kind={kind} />
            {kind}
          </FacetButton>
        ))}
        {namespaces.length > 0 && <FacetDivider />}
        {namespaces.map(([name, pods]) => (
          <FacetButton
            key={name}
            count={pods}
            on={view.namespaces.includes(name)}
            toggle={() => change({ namespaces: toggleListItem(view.namespaces, name) })}
          >
            {name}
          </FacetButton>
        ))}
        {((facets?.attention ?? 0) > 0 || view.attention) && (
          <>
            <FacetDivider />
            <FacetButton
              count={facets?.attention}
              on={view.attention}
              toggle={() => change({ attention: !view.attention })}
            >
              <TriangleAlert aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
              {podListText.needsAttention}
            </FacetButton>
          </>
        )}
      </div>
    </Bar>
  );
}
