import { retryWithPause } from '../../async/retry.ts';
import { addAlternativeNames, getLink } from '../../netlink/link.ts';
import { isNetlinkError } from '../../netlink/netlink-error.ts';
import { hasKernelCapability } from '../kernel-context.ts';
import { deviceEndNames, getDeviceEnd } from './device-ends.ts';
import type { MigrationStepContext } from './step-definition.ts';

/**
 * Retry options: the old device's name can remain in use for a moment after the kernel has acknowledged the deletion.
 */
const whileTaken = {
  attempts: 3,
  pauseMs: 5,
  retryable: (error: unknown): boolean => isNetlinkError(error, 'EEXIST'),
};

/**
 * Gives the new device the names of the old one as alternative names (Linux 5.5), on a kernel that cannot rename an
 * interface that is up: taking it down would lose its routes. The old device has to be gone. Idempotent.
 */
export async function addOldNamesAsAlternative(context: MigrationStepContext): Promise<void> {
  if (hasKernelCapability(context.kernel, 'live-rename')) return;
  for (const end of deviceEndNames) {
    const { socket, ifindex } = getDeviceEnd(context, 'new', end);
    const name = context.recorded.names[end];
    const link = await getLink(socket, { ifindex });
    if (!link || link.name === name || link.alternativeNames.includes(name)) continue;
    await retryWithPause(() => addAlternativeNames(socket, ifindex, [name]), whileTaken);
  }
}
