'use client';

import { usePathname, useSearchParams } from 'next/navigation';
import { useCallback } from 'react';
import { type DeviceKind, deviceKind } from '../../../../contract/device.ts';

/** What the sheet shows, kept in the address so that it can be linked to: `?migrate=veth`, `?migration=ID`. */
export type SheetState =
  | { show: 'nothing' }
  | { show: 'plan'; to: DeviceKind }
  | { show: 'migration'; id: string };

export type SheetControl = ReturnType<typeof useSheet>;

export function useSheet() {
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
    state: sheetState(search.get('migrate'), search.get('migration')),
    openPlan: (to: DeviceKind) => go(`migrate=${to}`),
    openMigration: (id: string, replace = false) => go(`migration=${encodeURIComponent(id)}`, replace),
    close: () => go(''),
  };
}

export function sheetState(migrate: string | null, migration: string | null): SheetState {
  if (migration !== null && migration !== '') return { show: 'migration', id: migration };
  const to = deviceKind.safeParse(migrate);
  return to.success ? { show: 'plan', to: to.data } : { show: 'nothing' };
}
