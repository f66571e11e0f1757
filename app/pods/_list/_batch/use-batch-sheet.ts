'use client';

import { usePathname, useSearchParams } from 'next/navigation';
import { useCallback, useState } from 'react';
import type { DeviceKind } from '../../../../contract/device.ts';

export type BatchSheetControl = ReturnType<typeof useBatchSheet>;

/** Controls the batch sheet. A batch is in the URL (`?batch=ID`), so that it can be linked to; a plan is not. */
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
    /** Id of the batch that is shown; null if none is. */
    id,
    /** Kind that a batch is planned for; null if none is. */
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
