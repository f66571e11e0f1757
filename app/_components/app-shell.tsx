'use client';

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { ApiError } from '../_lib/api.ts';
import { startBatchCacheSync } from '../_lib/batch-queries.ts';
import { startDebugDumpCacheSync } from '../_lib/debug-dump-queries.ts';
import { startEventCacheSync } from '../_lib/event-queries.ts';
import { startMigrationCacheSync } from '../_lib/migration-queries.ts';
import { startObservedPodCacheSync } from '../_lib/observed-pod-queries.ts';
import { startPodCacheSync } from '../_lib/pod-queries.ts';
import { startRuleCacheSync } from '../_lib/rule-queries.ts';
import { startSampleStoreSync } from '../_lib/time-series/sample-store.ts';
import { sharedText } from '../_text/shared.ts';
import { ConnectionBanner } from './connection-banner.tsx';
import { ToastContainer } from './toast.tsx';
import { TopBar } from './topbar.tsx';

const newClient = () =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        // Retries once at most: when the stream reconnects, all queries are invalidated.
        retry: (failures, error) => failures < 1 && !(error instanceof ApiError && error.status < 500),
      },
    },
  });

/**
 * Renders the frame around every page, and owns the query cache with the live connection's subscriptions that fill it.
 */
export function AppShell({ children }: { children: ReactNode }) {
  const [client] = useState(newClient);
  const chrome = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const stops = [
      startSampleStoreSync(),
      startPodCacheSync(client),
      startObservedPodCacheSync(client),
      startMigrationCacheSync(client),
      startBatchCacheSync(client),
      startDebugDumpCacheSync(client),
      startEventCacheSync(client),
      startRuleCacheSync(client),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, [client]);
  useEffect(() => {
    const element = chrome.current;
    if (element === null) return;
    // Publishes the height of the top bar, which grows with the banner, for sticky elements below it.
    const observer = new ResizeObserver(() =>
      document.documentElement.style.setProperty('--chrome', `${element.offsetHeight}px`),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return (
    <QueryClientProvider client={client}>
      <a
        href="#main"
        className="-translate-y-20 fixed top-2 left-2 z-50 rounded-2 bg-surface-1 px-3 py-1 shadow-2 focus:translate-y-0"
      >
        {sharedText.skipToContent}
      </a>
      <div ref={chrome} className="sticky top-0 z-30 bg-surface-0">
        <TopBar />
        <ConnectionBanner />
      </div>
      <main id="main" tabIndex={-1} className="outline-none">
        {children}
      </main>
      <ToastContainer />
    </QueryClientProvider>
  );
}
