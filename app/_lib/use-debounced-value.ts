'use client';

import { useEffect, useState } from 'react';

/** Returns `value` once it has not changed for `ms` milliseconds, so that requests are sent only when typing stops. */
export function useDebouncedValue<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
