import type { DeviceReference, MigrationStep, StepRequest } from '../../../contract/migration.ts';
import type { NetkitOptions, PodNetwork } from '../../../contract/network.ts';
import type { SlotEntry } from '../../bpf/slot-layout.ts';
import type { Route } from '../../netlink/route-message.ts';
import type { NewDeviceRecord } from '../../store/records.ts';
import type { ForeignProgram } from '../device/foreign-programs.ts';

/** Everything that a plan's texts and commands are made from, as read from the kernel just before. */
export interface MigrationPlanInput {
  from: DeviceReference;
  to: DeviceReference;
  /** Hooks and MAC addresses of the new device. */
  device: Pick<NewDeviceRecord, 'hooks' | 'primaryMac' | 'peerMac'>;
  /** Policy of a new netkit device. */
  policy: NetkitOptions['policy'];
  /** Path of the pod's network namespace. */
  netns: string;
  network: PodNetwork;
  /** CIDRs on the old peer. */
  addresses: readonly string[];
  /** Routes through the old peer. */
  podRoutes: readonly Route[];
  /** Routes through the old primary. */
  hostRoutes: readonly Route[];
  /** Foreign and user programs on the old device's hooks, in execution order. */
  foreignPrograms: readonly ForeignProgram[];
  /** Directory of the agent's BPF pins. */
  pins: string;
  /** Contents of the new device's entry in the map `slots`. */
  slotEntry: SlotEntry;
  /** True where the kernel renames an interface that is up. */
  liveRename: boolean;
  /** True where the host has IPv6, and with it IPv6 sysctls of each device. */
  ipv6: boolean;
}

/** The part of a migration step that is known before anything is changed. Pure: the same input gives the same texts. */
export interface MigrationStepPlan<Name extends MigrationStep = MigrationStep> {
  name: Name;
  /** One sentence that says what the step does. */
  describe(plan: MigrationPlanInput): string;
  /** Requests to the kernel, in order, each with the shell command that makes the same request. */
  requests(plan: MigrationPlanInput): StepRequest[];
}
