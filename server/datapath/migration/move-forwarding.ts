import { ProblemError } from '../../../contract/problem.ts';
import type { RawObject } from '../../netlink/raw-object.ts';
import { bridgeEntryKey, isOwnEntry, moveBridgeEntries } from '../network-state/bridge-entries.ts';
import { buildNeighborRequests } from '../network-state/carry-neighbors.ts';
import type { DeviceEndName, DeviceEndRef } from '../network-state/end-state.ts';
import { readLink } from '../network-state/read-end-state.ts';
import { moveRedirectingActions, restoreRedirectingActions } from '../network-state/redirecting-actions.ts';
import { getDeviceEnd } from './device-ends.ts';
import type { MigrationStepContext } from './step-definition.ts';

/**
 * Moves what sends packets to the old device without a route: entries of the bridge that it is a port of, and actions
 * of other interfaces. They are expected on the new device from then on.
 */
export async function moveForwarding(context: MigrationStepContext, end: DeviceEndName): Promise<void> {
  const old = getDeviceEnd(context, 'old', end);
  const { ifindex } = getDeviceEnd(context, 'new', end);
  const expected = context.expected[end];
  const entries = await moveEntries(old, ifindex);
  const redirects = await moveRedirectingActions(old.socket, old.ifindex, ifindex);
  context.expected[end] = {
    ...expected,
    bridgeEntries: merge(expected.bridgeEntries, entries, bridgeEntryKey),
    redirects: merge(expected.redirects, redirects, ({ index }) => String(index)),
  };
}

/** Moves it back to the old device, and adds what was recorded where the new device is gone. */
export async function restoreForwarding(context: MigrationStepContext, end: DeviceEndName): Promise<void> {
  const old = getDeviceEnd(context, 'old', end);
  const fresh = getDeviceEnd(context, 'new', end);
  const recorded = context.recorded.state[end];
  await moveRedirectingActions(old.socket, fresh.ifindex, old.ifindex);
  await restoreRedirectingActions(old.socket, recorded.redirects, old.ifindex);
  if ((await moveEntries(fresh, old.ifindex)) !== null) return;
  const entries = recorded.bridgeEntries.filter((entry) => !isOwnEntry(entry));
  if (entries.length > 0) await old.socket.batch(buildNeighborRequests(entries, old.ifindex));
}

/** Moves the bridge entries of an interface to another one. @returns those, or null if the interface is gone */
async function moveEntries({ socket, ifindex }: DeviceEndRef, to: number): Promise<RawObject[] | null> {
  let link: RawObject;
  try {
    link = await readLink(socket, ifindex);
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'device_missing') return null;
    throw error;
  }
  return moveBridgeEntries(socket, { ifindex, link }, to);
}

/** Adds to a list what it does not have yet. */
const merge = <T>(list: readonly T[], more: readonly T[] | null, key: (each: T) => string): T[] => {
  const known = new Set(list.map(key));
  return [...list, ...(more ?? []).filter((each) => !known.has(key(each)))];
};
