import type { DeviceKind, Hook, HookFamily } from '../../../contract/device.ts';
import type { Ground } from '../kernel-context.ts';

/** Where our two programs stand. `out` sees what leaves the pod. Those of tcx and tc are on the primary. */
export const hooksOf = {
  netkit: { out: 'netkit/peer', in: 'netkit/primary' },
  tcx: { out: 'tcx/ingress', in: 'tcx/egress' },
  tc: { out: 'tc/ingress', in: 'tc/egress' },
} as const satisfies Record<HookFamily, { out: Hook; in: Hook }>;

/** The hooks a device of this kind has its programs on, unless it is in attach fallback. */
export const usualHooks = (ground: Pick<Ground, 'primaryHooks'>, kind: DeviceKind): HookFamily =>
  kind === 'netkit' ? 'netkit' : ground.primaryHooks;

export const otherKind = (kind: DeviceKind): DeviceKind => (kind === 'netkit' ? 'veth' : 'netkit');

/** Each hook has a program of its own, made from these two. */
export const programName = { out: 'from_pod', in: 'to_pod' } as const;
