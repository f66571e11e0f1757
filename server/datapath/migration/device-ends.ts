import type { DeviceEndName, DeviceEndRef } from '../network-state/end-state.ts';
import type { MigrationStepContext } from './step-definition.ts';

export const deviceEndNames: readonly DeviceEndName[] = ['pod', 'host'];

/** Returns one end of the old or the new device of a migration. */
export function getDeviceEnd(
  { kernel, namespace, ...context }: MigrationStepContext,
  device: 'old' | 'new',
  end: DeviceEndName,
): DeviceEndRef {
  if (end === 'pod')
    return {
      socket: namespace.socket,
      namespaceFd: namespace.fd,
      ifindex: device === 'old' ? context.oldPeer : context.newPeer,
    };
  return {
    socket: kernel.host,
    namespaceFd: undefined,
    ifindex: device === 'old' ? context.oldPrimary : context.newPrimary,
  };
}
