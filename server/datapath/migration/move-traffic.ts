import { openCurrentNamespace } from '../../kernel/netns.ts';
import { learnPathMtus } from '../../kernel/path-mtu.ts';
import { detectIpFamily } from '../../netlink/ip-address.ts';
import { stripPrefixLength } from '../device/pod-gateways.ts';
import { setRedirectEndpoints } from '../device/podlane-programs.ts';
import { describeAddress } from '../network-state/describe-object.ts';
import type { DeviceEndName } from '../network-state/end-state.ts';
import { moveRoutes, restoreRecordedRoutes } from '../network-state/move-routes.ts';
import { listPathMtus } from '../network-state/path-mtus.ts';
import { deviceEndNames, getDeviceEnd } from './device-ends.ts';
import { moveKeepingMasqueradedConnections } from './keep-masqueraded-connections.ts';
import { moveForwarding, restoreForwarding } from './move-forwarding.ts';
import type { MigrationStepContext } from './step-definition.ts';

/**
 * Moves the traffic of one end to the new device (`moveRoutesAndForwarding`), and keeps the masqueraded connections
 * alive.
 */
export async function moveTrafficOfEnd(context: MigrationStepContext, end: DeviceEndName): Promise<void> {
  const old = getDeviceEnd(context, 'old', end);
  const mtus = await listPathMtus(old.socket, old.ifindex);
  context.pathMtus[end].push(...mtus);
  await moveKeepingMasqueradedConnections(context, end, () => moveRoutesAndForwarding(context, end));
  learnPathMtusOfEnd(context, end);
}

/**
 * Makes the kernel learn path MTUs of one end again: it keeps them with the routes that were replaced, and purges those
 * of IPv6 when an interface goes down, unless the gateway has announced itself as a router.
 */
export function learnPathMtusOfEnd(
  { namespace, expected, pathMtus }: MigrationStepContext,
  end: DeviceEndName,
): void {
  const mtus = pathMtus[end];
  if (mtus.length === 0) return;
  using host = openCurrentNamespace();
  const loopback = { ipv4: '127.0.0.1', ipv6: '::1' };
  const podAddresses = expected.pod.addresses.map(describeAddress).map(stripPrefixLength);
  learnPathMtus(
    mtus,
    (family) =>
      end === 'host'
        ? loopback[family]
        : (podAddresses.find((each) => detectIpFamily(each) === family) ?? null),
    end === 'pod' ? namespace.fd : host.fd,
  );
}

/**
 * Moves the routes that one end of the old device has now, and whatever else sends packets to it, and remembers the
 * routes for the comparison. Called again later, it moves what others have added to the old device meanwhile.
 */
export async function moveRoutesAndForwarding(
  context: MigrationStepContext,
  end: DeviceEndName,
): Promise<void> {
  const old = getDeviceEnd(context, 'old', end);
  const fresh = getDeviceEnd(context, 'new', end);
  context.moved[end].push(...(await moveRoutes(old.socket, old.ifindex, fresh.ifindex)));
  await moveForwarding(context, end);
}

/**
 * Moves the routes of host and pod back to the old device, which also moves the traffic back. Routes that were
 * recorded and are gone, because the agent was killed or the new device was deleted, are added again.
 */
export async function moveTrafficBack(context: MigrationStepContext): Promise<void> {
  const { kernel, pod, from, recorded } = context;
  setRedirectEndpoints(kernel, pod, from);
  for (const name of deviceEndNames.toReversed()) {
    const old = getDeviceEnd(context, 'old', name);
    const fresh = getDeviceEnd(context, 'new', name);
    context.pathMtus[name].push(...(await listPathMtus(old.socket, fresh.ifindex)));
    await moveKeepingMasqueradedConnections(context, name, async () => {
      await moveRoutes(old.socket, fresh.ifindex, old.ifindex);
    });
    await restoreRecordedRoutes(old.socket, recorded.state[name], old.ifindex);
    await restoreForwarding(context, name);
    learnPathMtusOfEnd(context, name);
    context.moved[name] = [];
  }
  context.onTrafficMoved(from);
}
