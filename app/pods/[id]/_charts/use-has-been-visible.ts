'use client';

import { type RefObject, useEffect, useState } from 'react';

/** Returns true once the page has loaded and the element has been inside the viewport. */
export function useHasBeenVisible(ref: RefObject<Element | null>): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const observer = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      setSeen(true);
      observer.disconnect();
    });
    const observe = () => observer.observe(element);
    // Scripts of a chart must not delay the page's first content.
    if (document.readyState === 'complete') observe();
    else addEventListener('load', observe, { once: true });
    return () => {
      removeEventListener('load', observe);
      observer.disconnect();
    };
  }, [ref]);
  return seen;
}
