'use client';

import { MissingResourceNotice } from '../../_components/missing-resource.tsx';
import { ApiError } from '../../_lib/api.ts';
import { usePod } from '../../_lib/pod-queries.ts';
import { PodPageContent } from './pod-page-content.tsx';
import { PodPageSkeleton } from './pod-skeleton.tsx';
import { podText } from './text.ts';

/** Page of a pod, with its loading and error states. */
export function PodPage({ id }: { id: string }) {
  const { data: pod, error, refetch } = usePod(id);
  const notFound = error instanceof ApiError && error.code === 'pod_not_found';
  // A pod that is removed while its page is open stays on the page, marked as gone.
  if (pod !== undefined) return <PodPageContent pod={notFound ? { ...pod, state: 'gone' } : pod} />;
  if (error === null) return <PodPageSkeleton />;
  return (
    <div className="p-(--gutter)">
      <MissingResourceNotice
        error={error}
        gone={notFound ? podText.notFound : null}
        list={{ href: '/pods', words: podText.allPods }}
        retry={() => void refetch()}
      />
    </div>
  );
}
