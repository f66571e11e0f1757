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
import { countBatchPods } from '../../contract/batch-states.ts';
import { requestApi } from './api.ts';
import { getLiveConnection } from './live-connection.ts';
import { useLiveTopic } from './pod-queries.ts';

const list = ['batches'] as const;
const one = (id: string) => ['batch', id] as const;

/** Returns the latest batches without their pods, newest first. */
export function useBatches() {
  useLiveTopic('batches');
  return useQuery({
    queryKey: list,
    queryFn: async ({ signal }) =>
      (await requestApi<{ items: BatchSummary[] }>('/batches?limit=20', { signal })).items,
  });
}

/** Returns a batch with its pods, updated as the pods migrate. */
export function useBatch(id: string | null) {
  useLiveTopic('batches');
  return useQuery({
    queryKey: one(id ?? ''),
    queryFn: ({ signal }) => requestApi<Batch>(`/batches/${encodeURIComponent(id ?? '')}`, { signal }),
    enabled: id !== null,
  });
}

/** Returns a batch's plan (dry run) and fetches it again whenever the request changes. */
export const useBatchPlan = (wanted: NewBatchInput | null) =>
  useQuery({
    queryKey: ['batch-plan', wanted],
    queryFn: ({ signal }) => requestApi<BatchPlan>('/batches', { body: { ...wanted, dryRun: true }, signal }),
    enabled: wanted !== null,
    placeholderData: (known) => known,
    gcTime: 0,
    staleTime: 0,
    retry: false,
  });

/** Returns the mutation that starts a batch; `useBatch` follows the batch's progress. */
export const useStartBatch = () =>
  useMutation({ mutationFn: (wanted: NewBatchInput) => requestApi<Batch>('/batches', { body: wanted }) });

export type BatchCommand = { act: 'pause' | 'stop' } | { act: 'resume'; unhealthy: ResumeBatch['unhealthy'] };

export const useBatchCommand = (id: string) =>
  useMutation({
    mutationFn: ({ act, ...body }: BatchCommand) =>
      requestApi<Batch>(`/batches/${encodeURIComponent(id)}/${act}`, { body }),
  });

/**
 * Keeps the cached batches current with messages from the live connection; called once per tab.
 * @returns a function that stops the updates
 */
export function startBatchCacheSync(client: QueryClient): () => void {
  return getLiveConnection().onMessage((message) => {
    if (message.type === 'batch-pod') {
      const { batchId, pod } = message;
      client.setQueryData<Batch>(one(batchId), (known) => known && replaceBatchPod(known, pod));
    }
    if (message.type !== 'batch') return;
    const { batch } = message;
    const known = client.getQueryData<Batch>(one(batch.id));
    client.setQueryData<Batch>(
      one(batch.id),
      (before) =>
        // The counts must fit the pods, which come in messages of their own.
        before && { ...before, ...batch, counts: before.counts },
    );
    client.setQueryData<BatchSummary[]>(list, (batches) => batches && upsertBatch(batches, batch));
    // A response in flight may have replaced newer pods by older ones.
    if (known?.state !== batch.state || batch.endedAt !== null)
      void client.invalidateQueries({ queryKey: one(batch.id) });
  });
}

/** Returns the batch with one pod replaced by id and its pod counts updated. */
export function replaceBatchPod(batch: Batch, pod: BatchPod): Batch {
  const pods = batch.pods.map((known) => (known.podId === pod.podId ? pod : known));
  return { ...batch, pods, counts: countBatchPods(pods) };
}

/** Replaces a batch in a list by id, or adds it at the front. */
export function upsertBatch(batches: readonly BatchSummary[], batch: BatchSummary): BatchSummary[] {
  const index = batches.findIndex(({ id }) => id === batch.id);
  return index === -1 ? [batch, ...batches] : batches.with(index, batch);
}
