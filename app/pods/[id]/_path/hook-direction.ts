import type { Hook } from '../../../../contract/device.ts';
import type { Direction } from '../../../../contract/direction.ts';

/** Returns the direction, seen from the pod, of the packets that pass a hook. */
export const getHookDirection = (hook: Hook): Direction =>
  hook === 'netkit/peer' || hook === 'tcx/ingress' || hook === 'tc/ingress' ? 'egress' : 'ingress';
