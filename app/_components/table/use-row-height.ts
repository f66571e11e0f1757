'use client';

import { useSyncExternalStore } from 'react';

const coarse = '(pointer: coarse)';

/** Height of a row in px: 28, under a finger 36. The same as `--row`. */
export const useRowHeight = (): number =>
  useSyncExternalStore(
    (listener) => {
      const query = matchMedia(coarse);
      query.addEventListener('change', listener);
      return () => query.removeEventListener('change', listener);
    },
    () => (matchMedia(coarse).matches ? 36 : 28),
    () => 28,
  );
