import type { Batch, BatchPod, BatchSummary } from '../../../contract/batch.ts';
import type { Migration } from '../../../contract/migration.ts';

/** What batches ask of whoever keeps the books. Each call is durable when it resolves. */
export interface BatchBooks {
  /** A new batch with its pods in one transaction; `number` is the books' to give. */
  addBatch(batch: Batch): Promise<Batch>;
  /** Replaces state, reason and end. */
  saveBatch(batch: BatchSummary): Promise<void>;
  /** Replaces what changes of one pod of a batch. */
  saveBatchPod(batchId: string, pod: BatchPod): Promise<void>;
  /** Those without an end: what a stopped agent left. */
  openBatches(): Promise<Batch[]>;
  /** The newest of a pod. */
  lastMigration(podId: string): Promise<Migration | null>;
}
