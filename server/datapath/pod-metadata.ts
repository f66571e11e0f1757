import type { PodPort } from '../../contract/pod-port.ts';
import type { SettingStore } from '../store/store-interfaces.ts';

/** Name of the setting in the store, in the scope of each pod that has any. */
export const metadataSetting = 'metadata';

/** What is known of a pod besides its labels. */
export interface PodMetadata {
  annotations: Record<string, string>;
  /** Ports that rules can name. */
  ports: readonly PodPort[];
  /** Id of the pod in the cluster that sets this and the labels; null where none does. */
  uid: string | null;
}

export const noMetadata: PodMetadata = { annotations: {}, ports: [], uid: null };

/** A pod as the cluster describes it. */
export interface PodDescription {
  uid: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  ports: readonly PodPort[];
  runtimeClass: string | null;
}

/**
 * Finds how the cluster describes a pod that is being attached; null if it knows none of this name, or is away.
 * @param uid id of the pod that is attached; null where the caller does not know it
 */
export type PodDescriber = (
  namespace: string,
  name: string,
  uid: string | null,
) => Promise<PodDescription | null>;

/** Reads the metadata of all pods that have any, by pod id. */
export async function readPodMetadata(
  store: Pick<SettingStore, 'settings'>,
): Promise<ReadonlyMap<string, PodMetadata>> {
  return (await store.settings(metadataSetting)) as ReadonlyMap<string, PodMetadata>;
}

export const savePodMetadata = (
  store: Pick<SettingStore, 'saveSetting'>,
  podId: string,
  metadata: PodMetadata,
): Promise<void> => store.saveSetting(podId, metadataSetting, metadata);
