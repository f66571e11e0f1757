import type { Migration } from '../../contract/migration.ts';
import { type ContainerRecord, containerSetting } from '../store/records.ts';
import type { DatapathStore } from '../store/store-interfaces.ts';
import { selectCurrentDeviceOfJournal } from './migration/recover-migration.ts';
import { readPodMetadata } from './pod-metadata.ts';
import { createLivePod, type LivePod } from './pod-registry.ts';

/** Reads the pods of the store with their devices, each on the device that its open migration, if any, left it on. */
export async function readStoredPods(store: DatapathStore): Promise<{ pods: LivePod[]; open: Migration[] }> {
  const [records, devices, open, metadata, containers] = await Promise.all([
    store.pods(),
    store.devices(),
    store.openMigrations(),
    readPodMetadata(store),
    store.settings(containerSetting),
  ]);
  const pods = records.map((record) =>
    createLivePod(
      record,
      devices.filter((device) => device.podId === record.id).sort((a, b) => a.id - b.id),
      metadata.get(record.id),
      (containers.get(record.id) ?? null) as ContainerRecord | null,
    ),
  );
  for (const pod of pods)
    for (const migration of open)
      if (migration.podId === pod.record.id) selectCurrentDeviceOfJournal(pod, migration);
  return { pods, open };
}
