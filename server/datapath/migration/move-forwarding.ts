import { ProblemError } from '../../../contract/problem.ts';
import type { RawObject } from '../../netlink/raw-object.ts';
import {
  bridgeEntryKey,
  isOwnEntry,
  moveBridgeEntries,
  releaseLearnedEntries,
} from '../network-state/bridge-entries.ts';
import type { DeviceEndName, DeviceEndRef } from '../network-state/end-state.ts';
import { moveMirredActions, restoreMirredActions } from '../network-state/mirred-actions.ts';
import { buildNeighborRequests } from '../network-state/neighbor-requests.ts';
import { readLink } from '../network-state/read-end-state.ts';
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
  const redirects = await moveMirredActions(old.socket, old.ifindex, ifindex);
  context.expected[end] = {
    ...expected,
    bridgeEntries: merge(expected.bridgeEntries, entries, bridgeEntryKey),
    redirects: merge(expected.redirects, redirects, ({ index }) => String(index)),
  };
}

/**
 * Moves bridge entries and redirecting actions back to the old device. If the new device is gone, they are restored as
 * they were recorded before the migration.
 */
export async function restoreForwarding(context: MigrationStepContext, end: DeviceEndName): Promise<void> {
  const old = getDeviceEnd(context, 'old', end);
  const fresh = getDeviceEnd(context, 'new', end);
  const recorded = context.recorded.state[end];
  await moveMirredActions(old.socket, fresh.ifindex, old.ifindex);
  await restoreMirredActions(old.socket, recorded.redirects, old.ifindex);
  const moved = await moveEntries(fresh, old.ifindex);
  await releaseLearnedEntries(old.socket, old.ifindex);
  if (moved !== null) return;
  const entries = recorded.bridgeEntries.filter((entry) => !isOwnEntry(entry));
  if (entries.length > 0) await old.socket.batch(buildNeighborRequests(entries, old.ifindex));
}

/**
 * Moves the bridge entries of an interface to another one. @returns the moved entries, or null if the interface is gone
 */
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
