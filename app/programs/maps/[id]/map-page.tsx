'use client';

import { MissingResourceNotice } from '../../../_components/missing-resource.tsx';
import { ApiError } from '../../../_lib/api.ts';
import { BpfObjectHeaderSkeleton } from '../../_components/bpf-object-header-skeleton.tsx';
import { useBpfMapDetail } from '../map-queries.ts';
import { bpfMapsText } from '../text.ts';
import { BpfMapEntriesSection } from './map-entries.tsx';
import { BpfMapPageHeader } from './map-page-header.tsx';

/** Page of a map with its header and entries. */
export function BpfMapPage({ id }: { id: number }) {
  const { data: map, error, refetch } = useBpfMapDetail(id);
  const missing = error instanceof ApiError && error.status === 404;
  if (map !== undefined)
    return (
      <div className="flex min-h-[calc(100dvh-var(--chrome)-36px)] flex-col">
        <BpfMapPageHeader map={map} gone={missing} />
        <BpfMapEntriesSection map={map} />
      </div>
    );
  if (error === null) return <BpfObjectHeaderSkeleton what="map" />;
  return (
    <div className="p-(--gutter)">
      <h1 className="sr-only">{bpfMapsText.mapTitle(id)}</h1>
      <MissingResourceNotice
        error={error}
        gone={missing ? bpfMapsText.mapNotFound : null}
        list={{ href: '/programs/maps', words: bpfMapsText.allMaps }}
        retry={() => void refetch()}
      />
    </div>
  );
}
