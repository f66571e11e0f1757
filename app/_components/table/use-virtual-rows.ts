'use client';

import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { type RefObject, useLayoutEffect, useState } from 'react';
import { useTableRowHeight } from './use-row-height.ts';

/**
 * Returns the table rows near the viewport, and the heights that stand in for the other rows. The window scrolls, not
 * the table.
 */
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
    /** Indexes of the table rows to render. */
    visible: items.map(({ index }) => index),
    /** Height in px of the rows before the rendered ones; `below` is the height of the rows after them. */
    above: (items[0]?.start ?? margin) - margin,
    below: virtualizer.getTotalSize() - ((items.at(-1)?.end ?? margin) - margin),
    scrollTo: (index: number) => virtualizer.scrollToIndex(index),
  };
}
