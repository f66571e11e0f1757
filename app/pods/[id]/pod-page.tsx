'use client';

import Link from 'next/link';
import { Button } from '../../_components/button.tsx';
import { EmptyState } from '../../_components/empty-state.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { ApiError } from '../../_lib/api.ts';
import { usePod } from '../../_lib/pods.ts';
import { PodSkeleton } from './pod-skeleton.tsx';
import { PodView } from './pod-view.tsx';

/** One pod: its path, its charts, its programs and its migrations. */
export function PodPage({ id }: { id: string }) {
  const { data: pod, error, refetch } = usePod(id);
  const notFound = error instanceof ApiError && error.code === 'pod_not_found';
  // A pod that is taken away while it is looked at stays on the page, marked as gone.
  if (pod !== undefined) return <PodView pod={notFound ? { ...pod, state: 'gone' } : pod} />;
  if (error === null) return <PodSkeleton />;
  return (
    <div className="p-(--gutter)">
      {notFound ? (
        <EmptyState
          title="No such pod"
          action={
            <Button asChild>
              <Link href="/pods">All pods of this node</Link>
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
