'use client';

import { type ComponentProps, lazy, Suspense } from 'react';

// recharts is three times as large as the rest of the page: it is loaded when the first chart is seen.
const rechartsTraces = () => import('./recharts-traces.tsx');
const LazyAreaTraces = lazy(async () => ({ default: (await rechartsTraces()).RechartsAreaTraces }));
const LazyBarTraces = lazy(async () => ({ default: (await rechartsTraces()).RechartsBarTraces }));

/** Loads and draws the traces of an area chart with two values per device kind. */
export const ChartAreaTraces = (props: ComponentProps<typeof LazyAreaTraces>) => (
  <Suspense fallback={null}>
    <LazyAreaTraces {...props} />
  </Suspense>
);

/** Loads and draws the traces of a stacked bar chart. */
export const ChartBarTraces = (props: ComponentProps<typeof LazyBarTraces>) => (
  <Suspense fallback={null}>
    <LazyBarTraces {...props} />
  </Suspense>
);
