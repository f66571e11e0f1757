import type { PodRecord } from '../../store/records.ts';
import { listPodGateways, stripPrefixLength } from '../device/pod-gateways.ts';
import { describeAddress } from '../network-state/describe-object.ts';
import type { EndState } from '../network-state/end-state.ts';

/**
 * Lists the addresses that Podlane itself has permanent neighbor entries for, on a device with link-layer addresses: all
 * of the pod's, on the host, and the gateways, in the pod. None for an adopted pod.
 * @param peer network state of the device's end in the pod
 */
export const listOwnNeighbors = (
  { network, adoption }: PodRecord,
  peer: Pick<EndState, 'addresses'>,
): string[] =>
  (adoption !== null
    ? []
    : [...peer.addresses.map(describeAddress), ...network.addresses, ...listPodGateways(network)]
  ).map(stripPrefixLength);
