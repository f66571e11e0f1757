'use client';

import { Unplug } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { formatElapsedTime } from '../_lib/format.ts';
import { getLiveConnection, type LiveConnectionStatus } from '../_lib/live-connection.ts';
import { useNodeInfo } from '../_lib/node-queries.ts';
import { getLastSampleFrameAge, sampleStaleAfterMs } from '../_lib/time-series/sample-store.ts';
import { useCurrentTime } from '../_lib/use-current-time.ts';
import { sharedText } from '../_text/shared.ts';
import { Button } from './button.tsx';

const connecting: LiveConnectionStatus = { state: 'connecting', since: 0, nextTryAt: null, reason: null };

/** Returns the state of the live connection, including the time of the next reconnection attempt. */
export const useConnectionStatus = (): LiveConnectionStatus =>
  useSyncExternalStore(
    (listener) => getLiveConnection().onStatus(listener),
    () => getLiveConnection().status,
    () => connecting,
  );

/** Shows that no new data is arriving, and why. Interruptions shorter than two seconds are not shown. */
export function ConnectionBanner() {
  const status = useConnectionStatus();
  const now = useCurrentTime();
  const node = useNodeInfo().data?.name ?? sharedText.thisNode;
  const age = getLastSampleFrameAge();
  const lost = status.state === 'lost' && now - status.since > 2000;
  const silent = status.state === 'connected' && (age ?? now - status.since) > sampleStaleAfterMs;
  if (!lost && !silent) return null;
  const waits = status.nextTryAt === null ? 0 : Math.ceil((status.nextTryAt - now) / 1000);
  return (
    <div
      role="status"
      className="flex min-h-9 flex-wrap items-center gap-x-2.5 gap-y-1 border-signal border-b bg-signal-wash px-(--gutter) py-1.5"
    >
      <Unplug aria-hidden="true" className="size-3.5 text-signal" strokeWidth={1.6} />
      <span className="font-semibold">
        {age === null ? (
          sharedText.noDataYet
        ) : (
          <>
            {sharedText.dataIs} <span aria-hidden="true">{formatElapsedTime(age)}</span>
            <span className="sr-only">{sharedText.moreThanThreeSeconds}</span> {sharedText.old}
          </>
        )}
      </span>
      <span className="text-ink-2">{explain(status, node)}</span>
      <span className="flex-1" />
      {lost && status.reason !== 'signed-out' && (
        <>
          <span aria-hidden="true" className="text-12 text-ink-2 tabular-nums">
            {waits > 0 ? sharedText.nextRetry(formatElapsedTime(waits * 1000)) : sharedText.retrying}
          </span>
          <Button size="small" onClick={() => getLiveConnection().retryNow()}>
            {sharedText.retryNow}
          </Button>
        </>
      )}
    </div>
  );
}

function explain({ state, reason }: LiveConnectionStatus, node: string): string {
  const calm = sharedText.trafficNotAffected;
  if (state === 'connected') return sharedText.agentSilent(node, calm);
  if (reason === 'signed-out') return sharedText.signedOut;
  if (reason === 'agent') return sharedText.agentUnreachable(node, calm);
  return sharedText.gatewayUnreachable;
}
