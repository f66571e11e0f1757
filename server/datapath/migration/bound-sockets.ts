import type { MigrationCheck } from '../../../contract/migration.ts';
import { slotToPeerIfindex } from '../../bpf/datapath-structs.ts';
import { listMulticastGroups, type MulticastGroup } from '../../kernel/multicast-groups.ts';
import { findSocketOwners, type SocketOwner } from '../../kernel/socket-owners.ts';
import { type BoundSocket, type BoundSockets, listBoundSockets } from '../../netlink/socket-diag.ts';
import type { PodRecord } from '../../store/records.ts';
import type { PodNamespace } from '../pod-namespaces.ts';

const note = (name: string, detail: string): MigrationCheck => ({ name, state: 'note', detail, code: null });
const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

/** Maximum number of sockets that a note names; further ones are only counted. */
const maxNamed = 8;

/**
 * Names what refers to the old device and cannot follow the pod: sockets bound to it (SO_BINDTODEVICE, packet sockets)
 * and multicast groups joined on it. Reads only; a kernel that does not report them gets a note as well.
 */
export async function checkBoundSockets(
  pod: PodRecord,
  namespace: PodNamespace,
  slot: number,
): Promise<MigrationCheck[]> {
  const ifindex = slotToPeerIfindex(slot);
  const { interface: name } = pod.network;
  try {
    const bound = await listBoundSockets(namespace.fd, ifindex);
    const owners =
      bound.sockets.length === 0
        ? new Map<number, SocketOwner>()
        : await findSocketOwners(pod.netnsInode, new Set(bound.sockets.map((socket) => socket.inode)));
    return [
      ...socketNotes(bound, owners, name),
      ...groupNotes(listMulticastGroups(namespace.fd, ifindex), name),
    ];
  } catch (error) {
    return [note(`Sockets bound to ${name} could not be listed`, (error as Error).message)];
  }
}

function socketNotes(
  { sockets, unreadable }: BoundSockets,
  owners: ReadonlyMap<number, SocketOwner>,
  name: string,
): MigrationCheck[] {
  const notes: MigrationCheck[] = [];
  if (sockets.length > 0)
    notes.push(
      note(
        `${counted(sockets.length, 'socket')} bound to ${name} will be disconnected`,
        `${listed(sockets.map((socket) => `${socketText(socket)} of ${ownerText(owners.get(socket.inode))}`))}: they stay bound to the old device until the program binds again`,
      ),
    );
  if (unreadable.length > 0)
    notes.push(
      note(
        `The pod has ${unreadable.join(' and ')} sockets`,
        `this kernel does not report whether they are bound to ${name}; those that are will be disconnected`,
      ),
    );
  return notes;
}

const groupNotes = (groups: readonly MulticastGroup[], name: string): MigrationCheck[] =>
  groups.length === 0
    ? []
    : [
        note(
          `${counted(groups.length, 'multicast group')} joined on ${name} will be lost`,
          `${listed(groups.map(({ group, users }) => `${group} (${counted(users, 'socket')})`))}: they are joined on the old device, until the program joins again`,
        ),
      ];

const socketText = ({ protocol, local, remote }: BoundSocket): string =>
  [protocol, local, remote && `to ${remote}`].filter(Boolean).join(' ');

const ownerText = (owner: SocketOwner | undefined): string =>
  owner ? `${owner.name} (pid ${owner.pid})` : 'a process outside the pod';

const listed = (all: readonly string[]): string =>
  all.length <= maxNamed
    ? all.join(', ')
    : `${all.slice(0, maxNamed).join(', ')} and ${all.length - maxNamed} more`;
