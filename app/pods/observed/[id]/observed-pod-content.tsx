'use client';

import type { ObservedPod } from '../../../../contract/observed-pod.ts';
import { DropsSection } from './drops-section.tsx';
import { IdentitySection } from './identity-section.tsx';
import { InterfacesSection } from './interfaces-section.tsx';
import { LiveRates } from './live-rates.tsx';
import { ObservedPodHeader } from './observed-pod-header.tsx';
import { PathSection } from './path-section.tsx';
import { RoutingSection } from './routing-section.tsx';

/** Shows an observed pod: its live rates, interfaces, path, identity, drops and routes. */
export function ObservedPodContent({ pod, gone }: { pod: ObservedPod; gone: boolean }) {
  return (
    <>
      <ObservedPodHeader pod={pod} gone={gone} />
      <LiveRates pod={pod} />
      <div className="grid grid-cols-[minmax(0,1fr)_480px] px-(--gutter) pb-8 max-xl:grid-cols-1">
        <div className="min-w-0">
          <InterfacesSection pod={pod} />
          <PathSection pod={pod} />
          <RoutingSection pod={pod} />
        </div>
        <div className="min-w-0 xl:ml-4 xl:border-line-1 xl:border-l xl:pl-4">
          <IdentitySection pod={pod} />
          <DropsSection pod={pod} />
        </div>
      </div>
    </>
  );
}
