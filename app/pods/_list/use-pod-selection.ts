'use client';

import { useCallback, useMemo, useRef, useState } from 'react';
import type { PodSummary } from '../../../contract/pod.ts';

export type PodSelection = ReturnType<typeof usePodSelection>;

const noIds: ReadonlySet<string> = new Set();

/** Returns the set of selected pods by id. Removed pods are deselected; pods hidden by a filter remain selected. */
export function usePodSelection(pods: readonly PodSummary[]) {
  const [ids, setIds] = useState(noIds);
  /** Ids of the shown rows in order, from which a range of rows is selected. */
  const shown = useRef<readonly string[]>([]);
  const last = useRef<string | null>(null);
  const selected = useMemo(() => pods.filter(({ id }) => ids.has(id)), [pods, ids]);
  const toggle = useCallback((id: string, extend: boolean) => {
    const order = shown.current;
    const [from, to] = [order.indexOf(last.current ?? id), order.indexOf(id)];
    const range = extend && from !== -1 ? order.slice(Math.min(from, to), Math.max(from, to) + 1) : [id];
    last.current = id;
    setIds((before) => {
      const isAdded = !before.has(id);
      const next = new Set(before);
      for (const each of range) {
        if (isAdded) next.add(each);
        else next.delete(each);
      }
      return next;
    });
  }, []);
  const toggleAll = useCallback((all: readonly string[]) => {
    setIds((before) =>
      all.every((id) => before.has(id))
        ? new Set([...before].filter((id) => !all.includes(id)))
        : new Set([...before, ...all]),
    );
  }, []);
  return {
    has: useCallback((id: string) => ids.has(id), [ids]),
    pods: selected,
    /** Selects or deselects a pod; if `extend` is true, does the same to all rows from the last selected one on. */
    toggle,
    clear: useCallback(() => setIds(noIds), []),
    /** Selects the given pods, or deselects them if all are selected. */
    toggleAll,
    /** Selects all shown pods, or deselects them if all are selected. */
    toggleShown: useCallback(() => toggleAll(shown.current), [toggleAll]),
    /** Records the order of the shown rows. */
    setOrder: useCallback((order: readonly string[]) => {
      shown.current = order;
    }, []),
  };
}
