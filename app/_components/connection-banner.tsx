'use client';

import { Unplug } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { span } from '../_lib/format.ts';
import { useNode } from '../_lib/time-series/node-samples.ts';
import { sampleAge, staleAfterMs, useNow } from '../_lib/time-series/pod-samples.ts';
import { type ConnectionStatus, liveConnection } from '../_lib/live-connection.ts';
import { Button } from './button.tsx';

const connecting: ConnectionStatus = { state: 'connecting', since: 0, nextTryAt: null, reason: null };

/** Whether the stream stands, and when it tries again. */
export const useStreamStatus = (): ConnectionStatus =>
  useSyncExternalStore(
    (listener) => liveConnection().onStatus(listener),
    () => liveConnection().status,
    () => connecting,
  );

/** Says that the numbers are old, why, and that the pods do not mind. Nothing for interruptions under two seconds. */
export function ConnectionBanner() {
  const status = useStreamStatus();
  const now = useNow();
  const node = useNode().data?.name ?? 'this node';
  const age = sampleAge();
  const lost = status.state === 'lost' && now - status.since > 2000;
  const silent = status.state === 'connected' && (age ?? now - status.since) > staleAfterMs;
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
          'No samples yet.'
        ) : (
          <>
            No samples: data is <span aria-hidden="true">{span(age)}</span>
            <span className="sr-only">more than three seconds</span> old.
          </>
        )}
      </span>
      <span className="text-ink-2">{explain(status, node)}</span>
      <span className="flex-1" />
      {lost && status.reason !== 'signed-out' && (
        <>
          <span aria-hidden="true" className="text-12 text-ink-2 tabular-nums">
            {waits > 0 ? `next try in ${span(waits * 1000)}` : 'trying now'}
          </span>
          <Button size="small" onClick={() => liveConnection().retryNow()}>
            Try now
          </Button>
        </>
      )}
    </div>
  );
}

function explain({ state, reason }: ConnectionStatus, node: string): string {
  const calm = 'Pods keep running; the kernel forwards without it.';
  if (state === 'connected') return `The agent of ${node} sends none. ${calm}`;
  if (reason === 'signed-out')
    return 'This browser is signed out: open the link that the start command printed.';
  if (reason === 'agent') return `The agent of ${node} does not answer. ${calm}`;
  return 'The web process does not answer. Pods keep running; the kernel forwards without it.';
}
