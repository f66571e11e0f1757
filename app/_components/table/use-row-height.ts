'use client';

import { useSyncExternalStore } from 'react';

const coarse = '(pointer: coarse)';

/** Returns the height of a table row in px: 28, or 36 on touch screens. Equals the CSS variable `--row`. */
export const useTableRowHeight = (): number =>
  useSyncExternalStore(
    (listener) => {
      const query = matchMedia(coarse);
      query.addEventListener('change', listener);
      return () => query.removeEventListener('change', listener);
    },
    () => (matchMedia(coarse).matches ? 36 : 28),
    () => 28,
  );
