'use client';

import Link from 'next/link';
import { Button } from '../../../_components/button.tsx';
import { EmptyState } from '../../../_components/empty-state.tsx';
import { ErrorState } from '../../../_components/error-state.tsx';
import { Skeleton } from '../../../_components/skeleton.tsx';
import { ApiError } from '../../../_lib/api.ts';
import { useMap } from '../../../_lib/maps.ts';
import { Entries } from './entries.tsx';
import { MapHead } from './map-head.tsx';

/** One map: what it is, who uses it, and its entries by their types. */
export function MapPage({ id }: { id: number }) {
  const { data: map, error, refetch } = useMap(id);
  const missing = error instanceof ApiError && error.status === 404;
  if (map !== undefined)
    return (
      <div className="flex min-h-[calc(100dvh-var(--chrome)-36px)] flex-col">
        <MapHead map={map} gone={missing} />
        <Entries map={map} />
      </div>
    );
  if (error === null)
    return (
      <div className="border-line-1 border-b px-(--gutter) py-3" aria-busy="true">
        <p className="sr-only">Reading the map</p>
        <div className="flex h-6 items-center">
          <Skeleton className="h-3! w-56" />
        </div>
        <div className="mt-1 flex h-5 items-center">
          <Skeleton className="w-96 max-w-full" />
        </div>
      </div>
    );
  return (
    <div className="p-(--gutter)">
      <h1 className="sr-only">Map {id}</h1>
      {missing ? (
        <EmptyState
          title="No such map"
          action={
            <Button asChild>
              <Link href="/programs/maps">All maps of this node</Link>
            </Button>
          }
        >
          <p>{error.message}</p>
          {error.hint !== undefined && <p className="mt-1">{error.hint}</p>}
        </EmptyState>
      ) : (
        <ErrorState error={error} retry={() => void refetch()} />
      )}
    </div>
  );
}
