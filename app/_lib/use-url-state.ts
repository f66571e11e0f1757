'use client';

import { useSearchParams } from 'next/navigation';
import { useEffect, useRef, useState } from 'react';

const writeAfterMs = 150;

/**
 * What a page shows, kept in its address: the view follows the address, and the address follows it a moment
 * later, without a history entry.
 * @param parse reads the view out of a query; what it does not understand is as if it were not there
 * @param query the view as a query, empty for the plain view. Both are constants of the page
 */
export function useUrlState<View extends object>(
  parse: (query: URLSearchParams) => View,
  query: (view: View) => string,
): [View, (change: Partial<View>) => void] {
  const search = useSearchParams();
  const [view, setView] = useState(() => parse(search));
  const written = useRef(query(view));

  useEffect(() => {
    // Not our own writing: a link, or the way back.
    const arrived = parse(search);
    if (query(arrived) === written.current) return;
    written.current = query(arrived);
    setView(arrived);
  }, [search, parse, query]);

  useEffect(() => {
    const next = query(view);
    if (next === written.current) return;
    function write(): void {
      if (next === written.current) return;
      written.current = next;
      history.replaceState(null, '', next === '' ? location.pathname : `?${next}`);
    }
    const timer = setTimeout(write, writeAfterMs);
    // A link that is followed before then: Next would take the later writing for a navigation of its own, and stay.
    function writeFirst(): void {
      clearTimeout(timer);
      write();
    }
    addEventListener('click', writeFirst, { capture: true, once: true });
    return () => {
      clearTimeout(timer);
      removeEventListener('click', writeFirst, { capture: true });
    };
  }, [view, query]);

  return [view, (change) => setView((known) => ({ ...known, ...change }))];
}
