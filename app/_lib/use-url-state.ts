'use client';

import { useSearchParams } from 'next/navigation';
import { useEffect, useRef, useState } from 'react';

const writeAfterMs = 150;

/**
 * State of a page that is stored in its URL. The state follows the URL, and the URL follows the state after a short
 * delay, without a history entry.
 * @param parse parses the state from a query; invalid parameters are ignored
 * @param query returns the state as a query, empty for the default state. Both functions must be stable
 */
export function useUrlQueryState<View extends object>(
  parse: (query: URLSearchParams) => View,
  query: (view: View) => string,
): [View, (change: Partial<View>) => void] {
  const search = useSearchParams();
  const [view, setView] = useState(() => parse(search));
  const written = useRef(query(view));

  useEffect(() => {
    // A link or Back changed the URL, not this hook.
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
    // A click on a link writes first: Next would take a later write for a navigation, and stay on the page.
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
