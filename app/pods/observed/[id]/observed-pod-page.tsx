'use client';

import { MissingResourceNotice } from '../../../_components/missing-resource.tsx';
import { ApiError } from '../../../_lib/api.ts';
import { useObservedPod, useObservedSamples } from '../../../_lib/observed-pod-queries.ts';
import { ObservedPodContent } from './observed-pod-content.tsx';
import { ObservedPodSkeleton } from './observed-pod-skeleton.tsx';
import { observedText } from './text.ts';

/** Page of a pod that others made, with its loading and error states. */
export function ObservedPodPage({ id }: { id: string }) {
  const { data: pod, error, refetch } = useObservedPod(id);
  useObservedSamples(true);
  const notFound = error instanceof ApiError && error.code === 'observed_pod_not_found';
  // A pod that ends while its page is open stays on the page, marked as gone.
  if (pod !== undefined) return <ObservedPodContent pod={pod} gone={notFound} />;
  if (error === null) return <ObservedPodSkeleton />;
  return (
    <div className="p-(--gutter)">
      <MissingResourceNotice
        error={error}
        gone={notFound ? observedText.notFound : null}
        list={{ href: '/pods?show=observed', words: observedText.allPods }}
        retry={() => void refetch()}
      />
    </div>
  );
}
