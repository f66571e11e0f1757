'use client';

import { type ReactNode, useEffect, useRef } from 'react';

/**
 * Renders the sticky bar of filters above a list. Publishes the bar's height as the CSS variable `--bar` for sticky
 * elements below it.
 */
export function FilterBar({ className = 'gap-1', children }: { className?: string; children: ReactNode }) {
  const bar = useRef<HTMLElement>(null);
  useEffect(() => {
    const element = bar.current;
    if (element === null) return;
    const observer = new ResizeObserver(() =>
      document.documentElement.style.setProperty('--bar', `${element.offsetHeight}px`),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return (
    <search
      ref={bar}
      className={`z-10 flex min-h-11 flex-wrap items-center border-line-1 border-b bg-surface-0 px-(--gutter) py-1 md:sticky md:top-(--chrome) ${className}`}
    >
      {children}
    </search>
  );
}
