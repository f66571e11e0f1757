import { podBusyError } from '../pod-activity.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';

const maxAttempts = 5;

/**
 * Runs a read of several kernel objects of a pod's device, and repeats it when a migration replaced the device in
 * between: the result would mix two devices.
 * @throws ProblemError `pod_gone` if the pod is being detached meanwhile
 */
export async function readConsistently<T>(pod: LivePod, read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const device = getCurrentDevice(pod);
    try {
      const found = await read();
      if (getCurrentDevice(pod) === device || attempt === maxAttempts) return found;
    } catch (error) {
      const { activity } = pod;
      // What the kernel has of it vanishes piece by piece.
      if (activity.type === 'detaching' || activity.type === 'gone')
        throw podBusyError(`read ${pod.record.namespace}/${pod.record.name}`, activity);
      if (getCurrentDevice(pod) === device || attempt === maxAttempts) throw error;
    }
  }
}
