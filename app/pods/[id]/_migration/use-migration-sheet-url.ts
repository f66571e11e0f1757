'use client';

import { usePathname, useSearchParams } from 'next/navigation';
import { useCallback } from 'react';
import type { DeviceKind } from '../../../../contract/device.ts';
import { parseMigrationSheetState } from './migration-sheet-state.ts';

export type MigrationSheetControl = ReturnType<typeof useMigrationSheetUrl>;

/**
 * Returns the state of the migration sheet with functions that change it. The state is in the URL, so that the sheet
 * can be linked to and Back closes it.
 */
export function useMigrationSheetUrl() {
  const pathname = usePathname();
  const search = useSearchParams();
  const go = useCallback(
    (query: string, replace = false) => {
      const url = query === '' ? pathname : `${pathname}?${query}`;
      // The page stays: only the URL changes.
      if (replace) window.history.replaceState(null, '', url);
      else window.history.pushState(null, '', url);
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
