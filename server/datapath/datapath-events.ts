import type { AgentEvent } from '../../contract/agent-event.ts';
import type { Migration } from '../../contract/migration.ts';
import type { PodSummary } from '../../contract/pod.ts';
import type { DeviceRecord } from '../store/records.ts';

/** Device of a pod that takes traffic, or is about to in a migration. */
export interface ReadyDevice extends Pick<DeviceRecord, 'kind' | 'hooks'> {
  podId: string;
  /** Name and ifindex of the primary. */
  name: string;
  ifindex: number;
}

/** Events of `Datapath`, each with its arguments. */
export interface DatapathEvents {
  pod: [PodSummary];
  'pod-removed': [id: string];
  migration: [Migration];
  event: [AgentEvent];
  'device-ready': [ReadyDevice];
}
