import type { MigrationCheck } from '../../../contract/migration.ts';
import { findInterfaceRules } from '../../datapath/migration/interface-rules.ts';
import { openCurrentNamespace } from '../../kernel/netns.ts';
import { listAddresses } from '../../netlink/address.ts';
import { isHairpinPort } from '../../netlink/bridge-port.ts';
import { listLinks } from '../../netlink/link.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { HostEnd, ObservedPod } from '../observed-pod.ts';
import { NatRules, selectPodTranslations } from '../path/nat-rules.ts';
import type { AdoptionState } from './adoption-state.ts';
import { passed } from './plan-check.ts';

/** Maximum number of ports, rules and the like that a check names. */
const maxNamed = 8;

/**
 * Says what a bridged pod's network rests on, which stays as it is: its device is a port of the same bridge by the same name
 * now, and after a migration to veth, or to netkit in L2 mode.
 */
export async function listBridgeChecks(
  host: NetlinkSocket,
  observed: ObservedPod,
  { ifindex, name, bridge }: HostEnd,
  { addresses, gateways }: AdoptionState,
): Promise<MigrationCheck[]> {
  if (bridge === null) return [];
  const onBridge = (await listAddresses(host, { ifindex: bridge.ifindex })).map(({ address }) => address);
  const ofBridge = new Set(onBridge.map((cidr) => cidr.split('/', 1).join('')));
  const own = gateways.filter((gateway) => ofBridge.has(gateway));
  const others = gateways.filter((gateway) => !ofBridge.has(gateway));
  const ports = (await listLinks(host)).filter(
    (link) => link.master === bridge.ifindex && link.ifindex !== ifindex,
  );
  return [
    passed(
      'Gateway and ARP stay as they are',
      [
        ...(own.length > 0 ? [`${list(own)} is an address of ${bridge.name}, which answers for it`] : []),
        ...(others.length > 0 ? [`${list(others)} is reached through ${bridge.name}`] : []),
        ...(gateways.length === 0 ? [`the pod has no gateway; ${bridge.name} connects it`] : []),
      ].join('; '),
    ),
    passed(
      'Neighbors on the bridge stay as they are',
      ports.length === 0
        ? `${bridge.name} has no other port`
        : `${ports.length} other ${ports.length === 1 ? 'port' : 'ports'} of ${bridge.name} (${list(ports.map((port) => port.name))}) reach the pod by its MAC address, which it keeps`,
    ),
    passed(
      'Settings of the port stay as they are',
      `hairpin mode of ${name} is ${(await isHairpinPort(host, ifindex)) ? 'on' : 'off'}; a migration carries all settings of the port`,
    ),
    await listPublishedPorts(observed, addresses),
    await listBridgeRules(bridge),
  ];
}

async function listPublishedPorts(
  { identity }: ObservedPod,
  addresses: readonly string[],
): Promise<MigrationCheck> {
  const found = selectPodTranslations(await new NatRules().read(), addresses);
  const ports = [...identity.publishedPorts, ...found.published].map(
    ({ protocol, hostPort, podPort }) => `${hostPort}/${protocol} to ${podPort}`,
  );
  const masquerades = found.rules.filter(({ action }) => action === 'masquerade' || action === 'snat');
  return passed(
    'Published ports and masquerading stay as they are',
    [
      ports.length === 0
        ? 'no port of the node is found that leads to the pod'
        : `${list([...new Set(ports)])}: rules and proxies lead to its address, which it keeps`,
      masquerades.length === 0
        ? 'no rule masquerades it'
        : `${masquerades.length} ${masquerades.length === 1 ? 'rule changes' : 'rules change'} the source of what it sends`,
      ...found.unread,
    ].join('; '),
  );
}

async function listBridgeRules(bridge: { name: string; ifindex: number }): Promise<MigrationCheck> {
  using host = openCurrentNamespace();
  const rules = await findInterfaceRules(host.fd, bridge, bridge);
  const places = [...new Set(rules.map(({ place }) => place))];
  return passed(
    'Rules that name the bridge go on to apply',
    places.length === 0
      ? `no firewall rule names ${bridge.name}`
      : `${places.length} of them name ${bridge.name}, isolation between networks among them: ${list(places)}`,
  );
}

const list = (all: readonly string[]): string =>
  all.length <= maxNamed
    ? all.join(', ')
    : `${all.slice(0, maxNamed).join(', ')} and ${all.length - maxNamed} more`;
