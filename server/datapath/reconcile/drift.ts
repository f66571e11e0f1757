import type { ConditionReason } from '../../../contract/condition.ts';
import type { DeviceRecord } from '../../store/records.ts';
import type { DatapathContext } from '../datapath-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import type { LivePod } from '../pod-registry.ts';

/** Difference between a pod or the node and what Podlane set up. */
export interface Drift {
  /** Key of the difference; the same difference always has the same key. */
  key: string;
  reason: ConditionReason;
  message: string;
  /** Null if Podlane must not repair the difference. */
  repair: (() => Promise<void> | void) | null;
  /** What a person can do while the difference lasts. */
  remedy: string;
  /** What the repair did, for the event; default `repaired`. */
  repaired?: string;
}

/** A pod's current device with its open namespace, in which drift is looked for. */
export interface DriftContext {
  context: DatapathContext;
  namespace: PodNamespace;
  pod: LivePod;
  device: DeviceRecord;
}
