'use client';

import { type ComponentProps, lazy, Suspense } from 'react';

// recharts is three times as large as the rest of the page: it is loaded when the first chart is seen.
const rechartsTraces = () => import('./recharts-traces.tsx');
const LazyAreaTraces = lazy(async () => ({ default: (await rechartsTraces()).RechartsAreaTraces }));
const LazyBarTraces = lazy(async () => ({ default: (await rechartsTraces()).RechartsBarTraces }));

/** Traces of two values per device kind; see `RechartsAreaTraces`. */
export const AreaTraces = (props: ComponentProps<typeof LazyAreaTraces>) => (
  <Suspense fallback={null}>
    <LazyAreaTraces {...props} />
  </Suspense>
);

/** Stacked bars; see `RechartsBarTraces`. */
export const BarTraces = (props: ComponentProps<typeof LazyBarTraces>) => (
  <Suspense fallback={null}>
    <LazyBarTraces {...props} />
  </Suspense>
);
