import type { MigrationCheck } from '../../../contract/migration.ts';
import type { ObservedKind } from '../../../contract/observed-pod.ts';
import { isForeignIfindex } from '../../bpf/datapath-structs.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { ObservedPod } from '../observed-pod.ts';
import type { AdoptionState } from './adoption-state.ts';
import { listBridgeChecks } from './bridge-checks.ts';
import { note, passed, refused } from './plan-check.ts';

/** Checks whether an observed pod can be adopted, by itself, and says what stays as it is. */
export async function listAdoptionChecks(
  host: NetlinkSocket,
  observed: ObservedPod,
  state: AdoptionState,
): Promise<MigrationCheck[]> {
  const { interfaces } = observed;
  const [first] = interfaces;
  if (first === undefined) return [refused('Pod has an interface', 'not_adoptable', state.form.detail)];
  return [
    interfaces.length === 1
      ? passed('Pod has one interface that leads out of it', first.name)
      : refused(
          'Pod has one interface that leads out of it',
          'second_interface',
          `it has ${interfaces.map(({ name }) => name).join(', ')}: Podlane keeps pods with one`,
        ),
    kindCheck(first.kind, first.parent?.name ?? null),
    state.form.form === null
      ? refused('Node reaches the pod by its device', 'not_adoptable', state.form.detail)
      : passed('Node reaches the pod by its device', state.form.detail),
    ...indexChecks(state),
    state.addresses.length > 0
      ? passed('Pod has addresses', state.addresses.join(', '))
      : refused('Pod has addresses', 'not_adoptable', `${first.name} has none but link-local ones`),
    ...otherInterfaceChecks(state),
    ...(first.hostEnd?.bridge ? await listBridgeChecks(host, observed, first.hostEnd, state) : []),
    note(
      'Nothing of its packets is checked',
      'its source addresses and ethertypes are not checked, as until now, and it is not redirected, so that firewalls of others go on to see its packets; both can be changed on its page',
    ),
  ];
}

const whyNot: Readonly<Partial<Record<ObservedKind, (parent: string | null) => string>>> = {
  netkit: () => 'it is on netkit already, with a device and programs of others',
  macvlan: (parent) => `a macvlan has no end of its own on the node: it shares ${parent ?? 'its parent'}`,
  macvtap: (parent) => `a macvtap has no end of its own on the node: it shares ${parent ?? 'its parent'}`,
  ipvlan: (parent) => `an ipvlan has no end of its own on the node: it shares ${parent ?? 'its parent'}`,
  ipvtap: (parent) => `an ipvtap has no end of its own on the node: it shares ${parent ?? 'its parent'}`,
};

function kindCheck(kind: ObservedKind, parent: string | null): MigrationCheck {
  const why = whyNot[kind];
  return why === undefined
    ? passed('Its device is a veth pair', `${kind} is kept as it is`)
    : refused('Its device is a veth pair', 'not_adoptable', why(parent));
}

function indexChecks({ device }: AdoptionState): MigrationCheck[] {
  if (device === null) return [];
  const high = [device.primary, device.peer].find(({ ifindex }) => !isForeignIfindex(ifindex));
  if (high === undefined) return [];
  return [
    refused(
      'Its indexes are none of Podlane’s',
      'interface_in_use',
      `ifindex ${high.ifindex} of ${high.name} is one by which Podlane’s programs know devices of their own`,
    ),
  ];
}

function otherInterfaceChecks({ others }: AdoptionState): MigrationCheck[] {
  const inside = others.filter(({ peerNamespaceId }) => peerNamespaceId === null);
  if (inside.length === 0) return [];
  return [
    note(
      'Pod has interfaces of its own',
      `${inside.map(({ name }) => name).join(', ')} stay as they are; while they are up the pod cannot be migrated`,
    ),
  ];
}
