import type { Hook } from '../../../../contract/device.ts';
import type { Direction } from '../../../../contract/direction.ts';

/** Which way the packets go that meet a hook: out of the pod or into it. */
export const hookDirection = (hook: Hook): Direction =>
  hook === 'netkit/peer' || hook === 'tcx/ingress' || hook === 'tc/ingress' ? 'out' : 'in';
