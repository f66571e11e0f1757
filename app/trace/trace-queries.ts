'use client';

import { type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { NewTraceInput, Trace, TracePacket, TraceSummary } from '../../contract/trace.ts';
import { requestApi } from '../_lib/api.ts';
import { getLiveConnection } from '../_lib/live-connection.ts';

const list = ['traces'] as const;
const one = (id: string) => ['trace', id] as const;

/** Returns the running and recently ended traces, newest first. */
export const useTraces = () =>
  useQuery({
    queryKey: list,
    queryFn: async ({ signal }) => (await requestApi<{ items: TraceSummary[] }>('/traces', { signal })).items,
    refetchInterval: 4000,
  });

/** Returns a trace with its packets; the live stream adds packets while the trace runs. */
export function useTrace(id: string) {
  const client = useQueryClient();
  const query = useQuery({
    queryKey: one(id),
    queryFn: ({ signal }) => requestApi<Trace>(`/traces/${encodeURIComponent(id)}`, { signal }),
    retry: false,
  });
  const [refused, setRefused] = useState<string | null>(null);
  const running = query.data?.state === 'running';
  useEffect(() => {
    if (!running) return;
    const stream = getLiveConnection();
    const stops = [
      stream.onMessage((message) => {
        if (message.type !== 'trace' || message.trace.id !== id) return;
        client.setQueryData<Trace>(one(id), (known) => known && mergeTracePackets(known, message));
        if (message.trace.state === 'ended') void client.invalidateQueries({ queryKey: list });
      }),
      stream.subscribe({ topic: 'trace', trace: id }, ({ detail }) => setRefused(detail)),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, [client, id, running]);
  return { ...query, refused };
}

/** Merges a stream message into a trace: adds new packets, and new observations of known packets. */
export function mergeTracePackets(
  known: Trace,
  { trace, items }: { trace: TraceSummary; items: readonly TracePacket[] },
): Trace {
  if (items.length === 0) return { ...known, ...trace };
  const packets = new Map(known.items.map((packet) => [packet.number, packet]));
  for (const packet of items) packets.set(packet.number, packet);
  return { ...known, ...trace, items: [...packets.values()].sort((a, b) => a.number - b.number) };
}

const keep = (client: QueryClient) => (trace: Trace) => {
  client.setQueryData(one(trace.id), trace);
  void client.invalidateQueries({ queryKey: list });
};

export function useStartTrace() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (wanted: NewTraceInput) => requestApi<Trace>('/traces', { body: wanted }),
    onSuccess: keep(client),
  });
}

export function useStopTrace(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => requestApi<Trace>(`/traces/${encodeURIComponent(id)}`, { method: 'DELETE' }),
    onSuccess: keep(client),
  });
}
