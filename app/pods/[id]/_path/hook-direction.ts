import type { Hook } from '../../../../contract/device.ts';

/** Which way the packets go that meet a hook: out of the pod or into it. */
export const directionOf = (hook: Hook): 'out' | 'in' =>
  hook === 'netkit/peer' || hook === 'tcx/ingress' || hook === 'tc/ingress' ? 'out' : 'in';
