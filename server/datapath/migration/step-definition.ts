import type { MigrationStep } from '../../../contract/migration.ts';
import { peerIfindex, primaryIfindex } from '../../bpf/slot-layout.ts';
import type { DeviceRecord, PodRecord } from '../../store/records.ts';
import type { DeviceNetworkState } from '../device/network-state.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import type { MigrationStepPlan } from './plan.ts';

/** A pod's move from one device to another, and who hears of its progress. */
export interface DeviceMove {
  pod: PodRecord;
  namespace: PodNamespace;
  from: DeviceRecord;
  to: DeviceRecord;
  /** Network state of the old device when the migration was planned; null when an agent resumes a journal. */
  networkState: DeviceNetworkState | null;
  /** Called before anything is changed, to read the old device's own counters a first time. */
  starting(): Promise<void>;
  /** Called when traffic has moved to a device, or back. */
  switched(to: DeviceRecord): void;
  /** Called before the old device is removed, to read its own counters a last time. */
  removing(): Promise<void>;
  /** Called when a device is gone, to carry its counters over. Resolves when the store has them, or cannot be written. */
  removed(device: DeviceRecord): Promise<void>;
  /** Called with the packets that were counted, for the journal's result. */
  verified(counted: { egressPackets: number; ingressPackets: number; packetsOnOldDevice: number }): void;
}

/** Everything that a step's actions work on. */
export interface MigrationStepContext extends DeviceMove {
  kernel: KernelContext;
  /** Addresses that the new device gets, CIDRs. */
  addresses: readonly string[];
  oldPrimary: number;
  oldPeer: number;
  newPrimary: number;
  newPeer: number;
  /** Readings of the old device's counters, by the step that took them. */
  readings: { planned: readonly bigint[]; drained: readonly bigint[]; packetsAfterDrain: number };
}

/** A step of a migration: its part of the plan, its actions on the kernel, its part of the verification. */
export interface MigrationStepDefinition<Name extends MigrationStep = MigrationStep>
  extends MigrationStepPlan<Name> {
  /** Idempotent: the step runs again after a crash in the middle of it. */
  run(context: MigrationStepContext): Promise<void>;
  /** Idempotent, and complete although the step may have run in part. */
  undo?(context: MigrationStepContext): Promise<void>;
  /** Returns how the kernel differs from what the step left behind, a phrase each. */
  verify?(context: MigrationStepContext): Promise<string[]>;
}

export function createStepContext(kernel: KernelContext, move: DeviceMove): MigrationStepContext {
  const planned = kernel.programs.counters.read(move.from.slot);
  return {
    ...move,
    kernel,
    addresses: move.networkState?.addresses ?? move.pod.network.addresses,
    oldPrimary: primaryIfindex(move.from.slot),
    oldPeer: peerIfindex(move.from.slot),
    newPrimary: primaryIfindex(move.to.slot),
    newPeer: peerIfindex(move.to.slot),
    readings: { planned, drained: planned, packetsAfterDrain: 0 },
  };
}
