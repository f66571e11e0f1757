import type { DeviceKind, Hook } from '../../contract/device.ts';

/** Where our two programs stand on a device of each kind. `outProgram` sees what leaves the pod. */
export const hooksOf = {
  netkit: { out: 'netkit/peer', in: 'netkit/primary' },
  veth: { out: 'tcx/ingress', in: 'tcx/egress' },
} as const satisfies Record<DeviceKind, { out: Hook; in: Hook }>;

export const otherKind = (kind: DeviceKind): DeviceKind => (kind === 'netkit' ? 'veth' : 'netkit');

/** A netkit hook's program pins are made once for both; tcx likewise. */
export const programName = { out: 'from_pod', in: 'to_pod' } as const;
