import type { DeviceKind, Hook, HookFamily } from '../../../contract/device.ts';
import type { Direction } from '../../../contract/direction.ts';
import type { KernelContext } from '../kernel-context.ts';

/** Where our two programs stand. `out` sees what leaves the pod. Those of tcx and tc are on the primary. */
export const hooksOf = {
  netkit: { egress: 'netkit/peer', ingress: 'netkit/primary' },
  tcx: { egress: 'tcx/ingress', ingress: 'tcx/egress' },
  tc: { egress: 'tc/ingress', ingress: 'tc/egress' },
} as const satisfies Record<HookFamily, Record<Direction, Hook>>;

/** The hooks a device of this kind has its programs on, unless it is in attach fallback. */
export const defaultHooks = (kernel: Pick<KernelContext, 'primaryHooks'>, kind: DeviceKind): HookFamily =>
  kind === 'netkit' ? 'netkit' : kernel.primaryHooks;

export const otherKind = (kind: DeviceKind): DeviceKind => (kind === 'netkit' ? 'veth' : 'netkit');

/** Each hook has a program of its own, made from these two. */
export const programName = { egress: 'from_pod', ingress: 'to_pod' } as const;
