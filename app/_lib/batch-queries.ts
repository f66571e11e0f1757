'use client';

import { type QueryClient, useMutation, useQuery } from '@tanstack/react-query';
import type {
  Batch,
  BatchPlan,
  BatchPod,
  BatchSummary,
  NewBatchInput,
  ResumeBatch,
} from '../../contract/batch.ts';
import { countPods } from '../../contract/batch-states.ts';
import { callApi } from './api.ts';
import { liveConnection } from './live-connection.ts';
import { useTopic } from './pod-queries.ts';

const list = ['batches'] as const;
const one = (id: string) => ['batch', id] as const;

/** The newest batches without their pods, newest first. */
export function useBatches() {
  useTopic('batches');
  return useQuery({
    queryKey: list,
    queryFn: async ({ signal }) =>
      (await callApi<{ items: BatchSummary[] }>('/batches?limit=20', { signal })).items,
  });
}

/** A batch with its pods, each as it gets on. */
export function useBatch(id: string | null) {
  useTopic('batches');
  return useQuery({
    queryKey: one(id ?? ''),
    queryFn: ({ signal }) => callApi<Batch>(`/batches/${encodeURIComponent(id ?? '')}`, { signal }),
    enabled: id !== null,
  });
}

/** What a batch would do; nothing is changed. Read anew whenever what is asked for changes. */
export const useBatchPlan = (wanted: NewBatchInput | null) =>
  useQuery({
    queryKey: ['batch-plan', wanted],
    queryFn: ({ signal }) => callApi<BatchPlan>('/batches', { body: { ...wanted, dryRun: true }, signal }),
    enabled: wanted !== null,
    placeholderData: (known) => known,
    gcTime: 0,
    staleTime: 0,
    retry: false,
  });

/** Starts a batch; its progress comes over the stream (`useBatch`). */
export const useStartBatch = () =>
  useMutation({ mutationFn: (wanted: NewBatchInput) => callApi<Batch>('/batches', { body: wanted }) });

export type BatchCommand = { act: 'pause' | 'stop' } | { act: 'resume'; unhealthy: ResumeBatch['unhealthy'] };

export const useBatchCommand = (id: string) =>
  useMutation({
    mutationFn: ({ act, ...body }: BatchCommand) =>
      callApi<Batch>(`/batches/${encodeURIComponent(id)}/${act}`, { body }),
  });

/** Carries the stream's messages about batches into the queries; once for the tab. */
export function startBatchUpdates(client: QueryClient): () => void {
  return liveConnection().onMessage((message) => {
    if (message.type === 'batch-pod') {
      const { batchId, pod } = message;
      client.setQueryData<Batch>(one(batchId), (known) => known && updateBatchPod(known, pod));
    }
    if (message.type !== 'batch') return;
    const { batch } = message;
    const known = client.getQueryData<Batch>(one(batch.id));
    client.setQueryData<Batch>(
      one(batch.id),
      (before) =>
        // Counts go with the pods: a message of one is ahead of the other's.
        before && { ...before, ...batch, counts: before.counts },
    );
    client.setQueryData<BatchSummary[]>(list, (batches) => batches && upsertBatch(batches, batch));
    // An answer that was on its way may have put older pods over newer ones.
    if (known?.state !== batch.state || batch.endedAt !== null)
      void client.invalidateQueries({ queryKey: one(batch.id) });
  });
}

/** A batch with `pod` in the place of the one with its id, counted anew. */
export function updateBatchPod(batch: Batch, pod: BatchPod): Batch {
  const pods = batch.pods.map((known) => (known.podId === pod.podId ? pod : known));
  return { ...batch, pods, counts: countPods(pods) };
}

/** A list, newest first, with `batch` in it. */
export function upsertBatch(batches: readonly BatchSummary[], batch: BatchSummary): BatchSummary[] {
  const index = batches.findIndex(({ id }) => id === batch.id);
  return index === -1 ? [batch, ...batches] : batches.with(index, batch);
}
