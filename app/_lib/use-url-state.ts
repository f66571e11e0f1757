'use client';

import { useSearchParams } from 'next/navigation';
import { useEffect, useRef, useState } from 'react';

const writeAfterMs = 150;

/**
 * Returns a page's state that is stored in the URL, and the function that changes it. A change reaches the URL after a
 * short delay, without a history entry; a change of the URL changes the state. Both functions must be stable.
 * @param parse parses the state from a URL query; ignores invalid parameters
 * @param query converts the state to a URL query, which is empty for the default state
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
