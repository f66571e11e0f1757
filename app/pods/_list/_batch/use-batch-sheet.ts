'use client';

import { usePathname, useSearchParams } from 'next/navigation';
import { useCallback, useState } from 'react';
import type { DeviceKind } from '../../../../contract/device.ts';

export type BatchSheetControl = ReturnType<typeof useBatchSheet>;

/** A batch is in the address (`?batch=ID`), so that it can be linked to; a plan is of the selection and is not. */
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
  return {
    id: search.get('batch'),
    planned,
    plan: setPlanned,
    open: (id: string) => {
      setPlanned(null);
      write(id);
    },
    close: () => {
      setPlanned(null);
      if (search.get('batch') !== null) write(null);
    },
  };
}
