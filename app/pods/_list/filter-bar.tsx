'use client';

import { TriangleAlert } from 'lucide-react';
import { FilterBar as Bar } from '../../_components/filter-bar.tsx';
import { Facet, FacetDivider, FilterField, toggleItem } from '../../_components/filter-field.tsx';
import { KindGlyph } from '../../_components/kind.tsx';
import type { PodFacets, PodListView } from './list-view.ts';

interface FilterBarProps {
  view: PodListView;
  change: (change: Partial<PodListView>) => void;
  /** Null while the pods are not known. */
  facets: PodFacets | null;
}

const shownNamespaces = 6;

/** Text and facets. Facets of one group widen what is shown, groups narrow it. */
export function FilterBar({ view, change, facets }: FilterBarProps) {
  const all = facets?.namespaces ?? [];
  const chosen = all.filter(([name]) => view.namespaces.includes(name));
  const rest = all.filter(([name]) => !view.namespaces.includes(name));
  const namespaces = [...chosen, ...rest].slice(0, Math.max(shownNamespaces, chosen.length));
  return (
    <Bar>
      <FilterField
        text={view.text}
        change={(text) => change({ text })}
        label="Filter pods"
        placeholder="Name, address, ifindex, slot"
      />
      <div className="flex flex-wrap items-center gap-1 max-md:-mx-2">
        {(['netkit', 'veth'] as const).map((kind) => (
          <Facet
            key={kind}
            count={facets?.kinds[kind]}
            on={view.kinds.includes(kind)}
            toggle={() => change({ kinds: toggleItem(view.kinds, kind) })}
          >
            <KindGlyph kind={kind} />
            {kind}
          </Facet>
        ))}
        {namespaces.length > 0 && <FacetDivider />}
        {namespaces.map(([name, pods]) => (
          <Facet
            key={name}
            count={pods}
            on={view.namespaces.includes(name)}
            toggle={() => change({ namespaces: toggleItem(view.namespaces, name) })}
          >
            {name}
          </Facet>
        ))}
        {((facets?.attention ?? 0) > 0 || view.attention) && (
          <>
            <FacetDivider />
            <Facet
              count={facets?.attention}
              on={view.attention}
              toggle={() => change({ attention: !view.attention })}
            >
              <TriangleAlert aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
              Attention
            </Facet>
          </>
        )}
      </div>
    </Bar>
  );
}
