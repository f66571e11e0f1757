'use client';

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { ApiError } from '../_lib/api.ts';
import { startBatches } from '../_lib/batches.ts';
import { startDumps } from '../_lib/dumps.ts';
import { startEvents } from '../_lib/events.ts';
import { startMigrations } from '../_lib/migrations.ts';
import { startNodeSamples } from '../_lib/node.ts';
import { startPods } from '../_lib/pods.ts';
import { startRules } from '../_lib/rules.ts';
import { startSamples } from '../_lib/samples.ts';
import { ConnectionBanner } from './connection-banner.tsx';
import { Toasts } from './toast.tsx';
import { Topbar } from './topbar.tsx';

const newClient = () =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        // The stream says when it is back, and then everything is read again.
        retry: (failures, error) => failures < 1 && !(error instanceof ApiError && error.status < 500),
      },
    },
  });

/** What stands around every page, and what runs behind it: one stream, one cache. */
export function Shell({ children }: { children: ReactNode }) {
  const [client] = useState(newClient);
  const chrome = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const stops = [
      startSamples(),
      startNodeSamples(),
      startPods(client),
      startMigrations(client),
      startBatches(client),
      startDumps(client),
      startEvents(client),
      startRules(client),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, [client]);
  useEffect(() => {
    const element = chrome.current;
    if (element === null) return;
    // What sticks below it asks how high it is: with the banner it is higher.
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
        Skip to content
      </a>
      <div ref={chrome} className="sticky top-0 z-30 bg-surface-0">
        <Topbar />
        <ConnectionBanner />
      </div>
      <main id="main" tabIndex={-1} className="outline-none">
        {children}
      </main>
      <Toasts />
    </QueryClientProvider>
  );
}
