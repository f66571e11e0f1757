import type { MigrationItem } from '../../../contract/migration.ts';
import { listMulticastGroups } from '../../kernel/multicast-groups.ts';
import { openCurrentNamespace } from '../../kernel/netns.ts';
import { findSocketOwners, type SocketOwner } from '../../kernel/socket-owners.ts';
import { type BoundSocket, type BoundSockets, listBoundSockets } from '../../netlink/socket-diag.ts';
import type { PodRecord } from '../../store/records.ts';
import { getPeerIfindex, getPrimaryIfindex, type IndexedDevice } from '../device-indexes.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import { createMigrationItem } from './plan-items.ts';

const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

/** Maximum number of sockets that an item names; further ones are only counted. */
const maxNamed = 8;

/**
 * Lists what stays with the old device because only its program can move it, as items of the plan: sockets bound to the
 * device (SO_BINDTODEVICE, packet sockets) in the pod and on the host, and multicast groups joined on it in the pod.
 */
export async function listBoundSocketItems(
  pod: PodRecord,
  namespace: PodNamespace,
  device: IndexedDevice,
): Promise<MigrationItem[]> {
  using host = openCurrentNamespace();
  return [
    ...(await socketItems('pod', namespace.fd, pod.netnsInode, getPeerIfindex(device))),
    ...(await socketItems('host', host.fd, host.inode, getPrimaryIfindex(device))),
    ...listMulticastGroups(namespace.fd, getPeerIfindex(device)).map(({ group, users }) =>
      createMigrationItem(
        'pod',
        'multicast group',
        group,
        `multicast group ${group} (${counted(users, 'socket')})`,
        'lost',
        'it is joined on the old device, until the program joins again',
      ),
    ),
  ];
}

async function socketItems(
  end: MigrationItem['end'],
  namespaceFd: number,
  inode: bigint,
  ifindex: number,
): Promise<MigrationItem[]> {
  let bound: BoundSockets;
  try {
    bound = await listBoundSockets(namespaceFd, ifindex);
  } catch (error) {
    return [
      createMigrationItem(
        end,
        'socket',
        null,
        'sockets bound to the interface',
        'unknown',
        `this kernel does not list them: ${(error as Error).message}`,
      ),
    ];
  }
  const { unreadable } = bound;
  const owners =
    bound.sockets.length === 0
      ? new Map<number, SocketOwner>()
      : await findSocketOwners(inode, new Set(bound.sockets.map((socket) => socket.inode)));
  // The agent's own captures go on at the new device.
  const sockets = bound.sockets.filter((socket) => owners.get(socket.inode)?.pid !== process.pid);
  const named = sockets
    .slice(0, maxNamed)
    .map((socket) => `${socketText(socket)} of ${ownerText(owners.get(socket.inode))}`);
  const more = sockets.length > maxNamed ? ` and ${sockets.length - maxNamed} more` : '';
  return [
    ...(sockets.length === 0
      ? []
      : [
          createMigrationItem(
            end,
            'socket',
            sockets.map((socket) => socket.inode).join(','),
            `${counted(sockets.length, 'socket')} bound to the interface: ${named.join(', ')}${more}`,
            'lost',
            'they stay bound to the old device, and are disconnected, until the program binds again',
          ),
        ]),
    ...(unreadable.length === 0 || end === 'host'
      ? []
      : [
          createMigrationItem(
            end,
            'socket',
            unreadable.join(','),
            `${unreadable.join(' and ')} sockets`,
            'unknown',
            'this kernel does not report whether they are bound to the interface; those that are will be disconnected',
          ),
        ]),
  ];
}

const socketText = ({ protocol, local, remote }: BoundSocket): string =>
  [protocol, local, remote && `to ${remote}`].filter(Boolean).join(' ');

const ownerText = (owner: SocketOwner | undefined): string =>
  owner ? `${owner.name} (pid ${owner.pid})` : 'a process outside the pod';
