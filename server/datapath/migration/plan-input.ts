import type { DeviceReference, MigrationStep, StepRequest } from '../../../contract/migration.ts';
import type { NetkitOptions, PodNetwork } from '../../../contract/pod-network.ts';
import type { SlotEntry } from '../../bpf/datapath-structs.ts';
import type { InterfaceSysctl } from '../../kernel/interface-sysctls.ts';
import type { KernelRoute } from '../../netlink/route-message.ts';
import type { NewDeviceRecord } from '../../store/records.ts';
import type { CarriedProgram } from '../device/carried-programs.ts';
import type { ReversePathFilter } from '../device/reverse-path-filter.ts';

/** Input of a migration plan, read from the kernel immediately before planning. */
export interface MigrationPlanInput {
  from: DeviceReference;
  to: DeviceReference;
  /** Hooks and MAC addresses of the new device. */
  device: Pick<NewDeviceRecord, 'hooks' | 'primaryMac' | 'peerMac'>;
  /** Policy of the new netkit device. */
  policy: NetkitOptions['policy'];
  /** Path of the pod's network namespace. */
  netns: string;
  network: PodNetwork;
  /** Names that the new device takes over: of the pod's interface, and of the primary on the host. */
  names: { pod: string; host: string };
  /** True for an adopted pod: its alias, gateways and neighbors are those that its runtime gave it. */
  adopted: boolean;
  /** Alias of the primary, `namespace/pod` if nobody gave it another. */
  alias: string;
  /** Addresses of the old peer in CIDR notation. */
  addresses: readonly string[];
  /** Routes through the old peer, in the pod. */
  podRoutes: readonly KernelRoute[];
  /** Routes through the old primary, on the host. */
  hostRoutes: readonly KernelRoute[];
  /** Foreign and user programs on the old device's hooks, in execution order. */
  carriedPrograms: readonly CarriedProgram[];
  /** Directory of the agent's BPF pins. */
  pins: string;
  /** Entry of the new device in the BPF map `slots`. */
  slotEntry: SlotEntry;
  /** True if the kernel can rename an interface that is up. */
  liveRename: boolean;
  /** Sysctls of the old device that the new one gets once traffic has moved, but for secrets. */
  sysctlsAfterTraffic: Record<'pod' | 'host', readonly InterfaceSysctl[]>;
  /** Reverse path filters of the old device. */
  reversePath: Record<'pod' | 'host', ReversePathFilter>;
  /** True if IPv6 is enabled on the host, so that each device has IPv6 sysctls. */
  ipv6: boolean;
}

/** Part of a migration step that is known before anything is changed. Pure: the same input gives the same texts. */
export interface MigrationStepPlan<Name extends MigrationStep = MigrationStep> {
  name: Name;
  /** Describes in one sentence what the step does. */
  describe(plan: MigrationPlanInput): string;
  /** Lists the step's kernel requests in order, each with the equivalent shell command. */
  requests(plan: MigrationPlanInput): StepRequest[];
}
