'use client';

import { usePathname, useSearchParams } from 'next/navigation';
import { useCallback, useState } from 'react';
import type { DeviceKind } from '../../../../contract/device.ts';

export type BatchSheetControl = ReturnType<typeof useBatchSheet>;

/**
 * Returns the state of the batch sheet with functions that change it. A batch is in the URL (`?batch=ID`), so that it
 * can be linked to; a plan is not.
 */
export function useBatchSheet() {
  const pathname = usePathname();
  const search = useSearchParams();
  const [planned, setPlanned] = useState<DeviceKind | null>(null);
  const write = useCallback(
    (id: string | null) => {
      const query = new URLSearchParams(location.search);
      if (id === null) query.delete('batch');
      else query.set('batch', id);
      const text = query.toString().replaceAll('%2C', ',');
      window.history.pushState(null, '', text === '' ? pathname : `${pathname}?${text}`);
    },
    [pathname],
  );
  const id = search.get('batch');
  return {
    /** Id of the batch that the sheet shows; null if it shows none. */
    id,
    /** Device kind that a batch is being planned for; null if no plan is shown. */
    planned,
    isOpen: planned !== null || id !== null,
    plan: setPlanned,
    open: (batch: string) => {
      setPlanned(null);
      write(batch);
    },
    close: () => {
      setPlanned(null);
      if (id !== null) write(null);
    },
  };
}
