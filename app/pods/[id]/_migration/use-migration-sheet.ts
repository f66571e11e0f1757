'use client';

import { usePathname, useSearchParams } from 'next/navigation';
import { useCallback } from 'react';
import type { DeviceKind } from '../../../../contract/device.ts';
import { parseMigrationSheetState } from './sheet-state.ts';

export type MigrationSheetControl = ReturnType<typeof useMigrationSheet>;

/** The sheet's state is the address: it can be linked to, and Back closes it. */
export function useMigrationSheet() {
  const pathname = usePathname();
  const search = useSearchParams();
  const go = useCallback(
    (query: string, replace = false) => {
      const address = query === '' ? pathname : `${pathname}?${query}`;
      // The page itself stays: only the address changes, and Back closes the sheet.
      if (replace) window.history.replaceState(null, '', address);
      else window.history.pushState(null, '', address);
    },
    [pathname],
  );
  return {
    state: parseMigrationSheetState(search.get('migrate'), search.get('migration')),
    openPlan: (to: DeviceKind) => go(`migrate=${to}`),
    openMigration: (id: string, replace = false) => go(`migration=${encodeURIComponent(id)}`, replace),
    close: () => go(''),
  };
}
