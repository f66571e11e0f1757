'use client';

import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { type RefObject, useLayoutEffect, useState } from 'react';
import { useTableRowHeight } from './use-row-height.ts';

/** Selects the rows of a table body that are near the viewport; the window scrolls. The returned heights stand in for the other rows. */
export function useVirtualTableRows(body: RefObject<HTMLTableSectionElement | null>, rows: number) {
  const height = useTableRowHeight();
  const [margin, setMargin] = useState(0);
  useLayoutEffect(() => {
    if (body.current !== null) setMargin(body.current.getBoundingClientRect().top + scrollY);
  }, [body]);
  const virtualizer = useWindowVirtualizer({
    count: rows,
    estimateSize: () => height,
    overscan: 12,
    scrollMargin: margin,
  });
  const items = virtualizer.getVirtualItems();
  return {
    /** Indexes of the rows to render. */
    visible: items.map(({ index }) => index),
    /** Heights of the rows before and after them in px. */
    above: (items[0]?.start ?? margin) - margin,
    below: virtualizer.getTotalSize() - ((items.at(-1)?.end ?? margin) - margin),
    scrollTo: (index: number) => virtualizer.scrollToIndex(index),
  };
}
