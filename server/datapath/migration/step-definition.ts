import type { MigrationStep } from '../../../contract/migration.ts';
import type { PathMtu } from '../../kernel/path-mtu.ts';
import type { RawObject } from '../../netlink/raw-object.ts';
import type { DeviceRecord, PodRecord } from '../../store/records.ts';
import { getPeerIfindex, getPrimaryIfindex } from '../device-indexes.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { DeviceEndName, DeviceState } from '../network-state/end-state.ts';
import type { ForeignChanges } from '../network-state/foreign-changes.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import type { OldDeviceNetwork } from './old-device-network.ts';
import type { MigrationStepPlan } from './plan-input.ts';
import type { RecordedState } from './recorded-state.ts';

/** Move of a pod from one device to another, with callbacks that report the progress. */
export interface DeviceMove {
  pod: PodRecord;
  namespace: PodNamespace;
  from: DeviceRecord;
  to: DeviceRecord;
  /** Addresses, routes and foreign programs of the old device when planned; null if the agent resumes a journal. */
  oldNetwork: OldDeviceNetwork | null;
  /** Network state of the old device when the migration was planned, which the journal keeps. */
  recorded: RecordedState;
  /** What the migration holds open until it ends. */
  disposables: DisposableStack;
  /** Called before anything is changed, to read the old device's counters for the first time. */
  onStart(): Promise<void>;
  /** Called when `to` is complete and has no traffic yet. */
  onNewDeviceReady(): void;
  /** Called when traffic has moved to `to`, which is the old device if the migration is undone. */
  onTrafficMoved(to: DeviceRecord): void;
  /** Called before the old device is removed, to read the device's counters for the last time. */
  beforeRemoval(): Promise<void>;
  /**
   * Called when a device is gone, to carry its counters over. Resolves when they are stored or the store has failed.
   */
  onDeviceRemoved(device: DeviceRecord): Promise<void>;
  /** Called with the packet counts of the verification, for the migration's result. */
  onVerified(counted: {
    egressPackets: number;
    ingressPackets: number;
    packetsOnOldDevice: number;
  }): Promise<void>;
}

/** Context that the actions of all migration steps share. */
export interface MigrationStepContext extends DeviceMove {
  kernel: KernelContext;
  /** Addresses for the new device, in CIDR notation. */
  addresses: readonly string[];
  /** Network state of the old device as it was last read; others change it during the migration. */
  expected: DeviceState;
  /** What others change on the new device, from the step `renamed` on; null before, and after a crash. */
  foreign: Record<DeviceEndName, ForeignChanges> | null;
  /** Routes that were moved to the new device, as they were before. */
  moved: Record<DeviceEndName, RawObject[]>;
  /** Interface indexes of both ends of the old and of the new device. */
  /** Path MTUs that were learned by the routes of either device. */
  pathMtus: Record<DeviceEndName, PathMtu[]>;
  oldPrimary: number;
  oldPeer: number;
  newPrimary: number;
  newPeer: number;
  /**
   * Readings of the old device's counters: when the context was created, and when the device was drained; and how many
   * packets it counted after that.
   */
  readings: { planned: readonly bigint[]; drained: readonly bigint[]; packetsAfterDrain: number };
}

/** Step of a migration: its plan, its actions on the kernel, and its verification. */
export interface MigrationStepDefinition<Name extends MigrationStep = MigrationStep>
  extends MigrationStepPlan<Name> {
  /** Runs the step. Idempotent, because an interrupted step runs again after a crash. */
  run(context: MigrationStepContext): Promise<void>;
  /** Undoes the step. Idempotent, and complete even if the step ran only in part. */
  undo?(context: MigrationStepContext): Promise<void>;
  /** Lists the differences between the kernel and the step's expected result; each is a phrase. */
  verify?(context: MigrationStepContext): Promise<string[]>;
}

export function createStepContext(kernel: KernelContext, move: DeviceMove): MigrationStepContext {
  const planned = kernel.programs.counters.read(move.from.slot);
  return {
    ...move,
    kernel,
    addresses: move.oldNetwork?.addresses ?? move.pod.network.addresses,
    oldPrimary: getPrimaryIfindex(move.from),
    oldPeer: getPeerIfindex(move.from),
    newPrimary: getPrimaryIfindex(move.to),
    newPeer: getPeerIfindex(move.to),
    expected: { ...move.recorded.state },
    foreign: null,
    pathMtus: { pod: [], host: [] },
    // An agent that resumes a journal finds those of the killed one moved.
    moved:
      move.oldNetwork === null
        ? { pod: [...move.recorded.state.pod.routes], host: [...move.recorded.state.host.routes] }
        : { pod: [], host: [] },
    readings: { planned, drained: planned, packetsAfterDrain: 0 },
  };
}
