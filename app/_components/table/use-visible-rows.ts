'use client';

import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { type RefObject, useLayoutEffect, useState } from 'react';
import { useRowHeight } from './use-row-height.ts';

/** Which rows of a body that scrolls with the window are to be in the document, and what stands for the others. */
export function useVisibleRows(body: RefObject<HTMLTableSectionElement | null>, rows: number) {
  const height = useRowHeight();
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
    /** Indexes of the rows. */
    inSight: items.map(({ index }) => index),
    /** Heights of the rows before and behind them, px. */
    above: (items[0]?.start ?? margin) - margin,
    below: virtualizer.getTotalSize() - ((items.at(-1)?.end ?? margin) - margin),
    scrollTo: (index: number) => virtualizer.scrollToIndex(index),
  };
}
