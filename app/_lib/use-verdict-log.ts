'use client';

import { useCallback, useEffect, useRef, useState } from 'react';
import type { Verdict, VerdictFilter, VerdictList, VerdictLosses } from '../../contract/verdict.ts';
import { requestApi } from './api.ts';
import { getLiveConnection } from './live-connection.ts';
import {
  addLiveVerdicts,
  addVerdictPage,
  buildVerdictApiQuery,
  type LoadedVerdicts,
  maxLoadedVerdicts,
  noLoadedVerdicts,
} from './loaded-verdicts.ts';

/** Interval in ms at which new verdicts are added to the list, because adding each one separately would be slow. */
const flushMs = 250;
const pageSize = 200;

const readPage = (filter: VerdictFilter, before: string | null, signal?: AbortSignal) => {
  const query = buildVerdictApiQuery(filter);
  query.set('limit', String(pageSize));
  if (before !== null) query.set('before', before);
  return requestApi<VerdictList>(`/verdicts?${query}`, signal === undefined ? {} : { signal });
};

/**
 * Returns the verdicts that match a filter: those in the agent's log and new ones. While `held` is true, new verdicts
 * are only counted in `waiting`.
 */
export function useVerdictLog(filter: VerdictFilter, held: boolean) {
  const key = buildVerdictApiQuery(filter).toString();
  const [log, setLog] = useState<LoadedVerdicts>(noLoadedVerdicts);
  const [waiting, setWaiting] = useState(0);
  const [error, setError] = useState<Error | null>(null);
  const [attempt, setAttempt] = useState(0);
  const isHeld = useRef(held);
  const latestFilter = useRef(filter);
  useEffect(() => {
    isHeld.current = held;
    latestFilter.current = filter;
  });

  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the filter
  useEffect(() => {
    const wanted = latestFilter.current;
    const stream = getLiveConnection();
    const leaving = new AbortController();
    let arrived: Verdict[] = [];
    let came = 0;
    let losses: VerdictLosses | null = null;
    let agent: string | null = null;
    setLog(noLoadedVerdicts);
    setWaiting(0);
    const read = () => {
      readPage(wanted, null, leaving.signal).then(
        (page) => {
          setError(null);
          setLog((known) => addVerdictPage(known, page, false));
        },
        (problem: Error) => {
          if (!leaving.signal.aborted) setError(problem);
        },
      );
    };
    const flush = () => {
      if (isHeld.current) {
        setWaiting(came);
        return;
      }
      if (losses === null) return;
      const [items, counted] = [arrived, losses];
      [arrived, losses, came] = [[], null, 0];
      setWaiting(0);
      setLog((known) => addLiveVerdicts(known, items, counted));
    };
    const stops = [
      stream.onMessage((message) => {
        if (message.type === 'verdicts') {
          came += message.items.length + message.missed;
          arrived = [...arrived, ...message.items].slice(-maxLoadedVerdicts);
          losses = message.losses;
          // The rest is in the agent's log.
          if (message.missed > 0) read();
        }
        if (message.type !== 'hello') return;
        // A restarted agent numbers its verdicts from the start.
        if (agent !== null && agent !== message.startedAt) setLog(noLoadedVerdicts);
        agent = message.startedAt;
        read();
      }),
      stream.subscribe({ topic: 'verdicts', filter: wanted }, (problem) =>
        setError(new Error(problem.detail)),
      ),
    ];
    const timer = setInterval(flush, flushMs);
    read();
    return () => {
      leaving.abort();
      clearInterval(timer);
      for (const stop of stops) stop();
    };
  }, [key, attempt]);

  const { next } = log;
  const loadOlder = useCallback(async () => {
    if (next === null) return;
    const page = await readPage(latestFilter.current, next);
    setLog((known) => addVerdictPage(known, page, true));
  }, [next]);

  return { log, waiting, error, loadOlder, retry: () => setAttempt((known) => known + 1) };
}
