import { currentDevice, type LivePod } from '../pod-registry.ts';

const tries = 5;

/**
 * Reads about a pod's device from many places of the kernel. A migration may change the device in between, and
 * what was read would be of two devices, or of one that is gone: then it is read again.
 */
export async function readConsistently<T>(pod: LivePod, read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const device = currentDevice(pod);
    try {
      const found = await read();
      if (currentDevice(pod) === device || attempt === tries) return found;
    } catch (error) {
      if (currentDevice(pod) === device || attempt === tries) throw error;
    }
  }
}
