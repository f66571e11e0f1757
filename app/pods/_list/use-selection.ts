'use client';

import { useCallback, useMemo, useRef, useState } from 'react';
import type { PodSummary } from '../../../contract/pod.ts';

export type PodSelection = ReturnType<typeof usePodSelection>;

const nothing: ReadonlySet<string> = new Set();

/** Which pods are selected, by id; those that leave the node leave it too, those that a filter hides stay. */
export function usePodSelection(pods: readonly PodSummary[]) {
  const [chosen, setChosen] = useState(nothing);
  /** Ids of the rows in their order, and the one selected last: what a range is between. */
  const rows = useRef<readonly string[]>([]);
  const last = useRef<string | null>(null);
  const selected = useMemo(() => pods.filter(({ id }) => chosen.has(id)), [pods, chosen]);
  const toggle = useCallback((id: string, extend: boolean) => {
    const [from, to] = [rows.current.indexOf(last.current ?? id), rows.current.indexOf(id)];
    const range =
      extend && from !== -1 ? rows.current.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
    last.current = id;
    setChosen((known) => {
      const on = !known.has(id);
      const next = new Set(known);
      for (const each of range) on ? next.add(each) : next.delete(each);
      return next;
    });
  }, []);
  return {
    has: (id: string) => chosen.has(id),
    pods: selected,
    toggle,
    clear: useCallback(() => setChosen(nothing), []),
    /** Selects these as well, or when all are selected, none of them. */
    toggleAll: useCallback((ids: readonly string[]) => {
      setChosen((known) =>
        ids.every((id) => known.has(id))
          ? new Set([...known].filter((id) => !ids.includes(id)))
          : new Set([...known, ...ids]),
      );
    }, []),
    rows,
  };
}
