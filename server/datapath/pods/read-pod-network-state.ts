import type { PodNetworkState } from '../../../contract/network-state.ts';
import { getPeerIfindex, getPrimaryIfindex } from '../device-indexes.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { EndState } from '../network-state/end-state.ts';
import { listSettings } from '../network-state/list-settings.ts';
import { readEndState } from '../network-state/read-end-state.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';

/**
 * Reads the network state of both ends of a pod's device, by the reader that migrations compare with.
 * @throws ProblemError `pod_gone`, `device_missing`, or `too_large` beyond 200,000 objects
 */
export async function readPodNetworkState(kernel: KernelContext, pod: LivePod): Promise<PodNetworkState> {
  using namespace = openPodNamespace(pod);
  const device = getCurrentDevice(pod);
  return {
    pod: describeEnd(
      await readEndState({
        socket: namespace.socket,
        namespaceFd: namespace.fd,
        ifindex: getPeerIfindex(device),
      }),
    ),
    host: describeEnd(
      await readEndState({
        socket: kernel.host,
        namespaceFd: undefined,
        ifindex: getPrimaryIfindex(device),
      }),
    ),
  };
}

const describeEnd = (state: EndState): PodNetworkState['pod'] => ({
  interface: state.name,
  settings: listSettings(state).map(({ kind, key, text }) => ({ kind, key, text })),
});
