import type { DeviceKind, Hook, HookFamily } from '../../../contract/device.ts';
import type { Direction } from '../../../contract/direction.ts';
import type { KernelContext } from '../kernel-context.ts';

/**
 * Hooks of Podlane's two programs by hook family and direction, as seen from the pod. Hooks of tcx and tc are on the
 * primary.
 */
export const podlaneProgramHooks = {
  netkit: { egress: 'netkit/peer', ingress: 'netkit/primary' },
  tcx: { egress: 'tcx/ingress', ingress: 'tcx/egress' },
  tc: { egress: 'tc/ingress', ingress: 'tc/egress' },
} as const satisfies Record<HookFamily, Record<Direction, Hook>>;

/** Returns the hook family that Podlane attaches to on a device of this kind, except in attach fallback. */
export const defaultHookFamily = (
  kernel: Pick<KernelContext, 'primaryHooks'>,
  kind: DeviceKind,
): HookFamily => (kind === 'netkit' ? 'netkit' : kernel.primaryHooks);

/** Names of Podlane's two BPF programs by direction, as seen from the pod. */
export const podlaneProgramNames = { egress: 'from_pod', ingress: 'to_pod' } as const;
