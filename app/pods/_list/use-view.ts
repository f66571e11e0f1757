'use client';

import { useSearchParams } from 'next/navigation';
import { useEffect, useRef, useState } from 'react';
import { parseView, type View, viewQuery } from './view.ts';

const writeAfterMs = 150;

/** The view of this page. It follows the URL, and the URL follows it a moment later, without a history entry. */
export function useView(): [View, (change: Partial<View>) => void] {
  const query = useSearchParams();
  const [view, setView] = useState(() => parseView(query));
  const written = useRef(viewQuery(view));

  useEffect(() => {
    // Not our own writing: a link, or the way back.
    const arrived = parseView(query);
    if (viewQuery(arrived) === written.current) return;
    written.current = viewQuery(arrived);
    setView(arrived);
  }, [query]);

  useEffect(() => {
    const next = viewQuery(view);
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
  }, [view]);

  return [view, (change) => setView((known) => ({ ...known, ...change }))];
}
