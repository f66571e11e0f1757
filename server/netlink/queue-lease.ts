import { encodeGenericHeader, findGenericFamily, genericHeaderBytes } from './generic-family.ts';
import type { NetlinkAttributeReader, NetlinkMessageReader } from './message.ts';
import { isNetlinkError } from './netlink-error.ts';
import type { NetlinkSocket } from './socket.ts';

/** Command NETDEV_CMD_QUEUE_GET, attributes NETDEV_A_QUEUE_* and NETDEV_A_LEASE_*, <linux/netdev.h>. */
const queueGet = 10;
const queueAttribute = { id: 1, ifindex: 2, type: 3, lease: 8 } as const;
const leaseAttribute = { ifindex: 1, queue: 2, namespaceId: 3 } as const;
const queueTypes = ['rx', 'tx'] as const;

/** One end of a lease: a queue of an interface. */
export interface LeasedQueue {
  ifindex: number;
  queue: number;
  type: (typeof queueTypes)[number] | null;
  /** Id of the interface's namespace; null for that of the socket. */
  namespaceId: number | null;
}

/** A queue of an interface that another interface, mostly a netkit device in a pod, uses as its own. */
export interface QueueLease {
  of: LeasedQueue;
  to: LeasedQueue;
}

/**
 * Lists the leased queues of the interfaces of a generic netlink socket's namespace. Empty on kernels without queue
 * leasing.
 */
export async function listQueueLeases(socket: NetlinkSocket): Promise<QueueLease[]> {
  const type = await findGenericFamily(socket, 'netdev');
  if (type === null) return [];
  try {
    return await socket.dump(
      {
        operation: 'dump queues of interfaces',
        type,
        encode: (message) => encodeGenericHeader(message, queueGet, 1),
      },
      parseQueueLease,
    );
  } catch (error) {
    if (isNetlinkError(error, 'EOPNOTSUPP', 'EINVAL')) return [];
    throw error;
  }
}

/** Parses the reply of NETDEV_CMD_QUEUE_GET; null for a queue that is not leased. @throws MalformedNetlinkMessage */
export function parseQueueLease(message: NetlinkMessageReader): QueueLease | null {
  const of: LeasedQueue = { ifindex: 0, queue: 0, type: null, namespaceId: null };
  let to: LeasedQueue | null = null;
  const attributes = message.attributes(genericHeaderBytes);
  while (attributes.next()) {
    if (attributes.type === queueAttribute.ifindex) of.ifindex = attributes.u32();
    else if (attributes.type === queueAttribute.lease) to = parseLease(attributes.nested());
    else parseQueue(of, attributes);
  }
  return to && { of, to };
}

function parseLease(attributes: NetlinkAttributeReader): LeasedQueue {
  const lease: LeasedQueue = { ifindex: 0, queue: 0, type: null, namespaceId: null };
  while (attributes.next()) {
    if (attributes.type === leaseAttribute.ifindex) lease.ifindex = attributes.u32();
    else if (attributes.type === leaseAttribute.namespaceId) lease.namespaceId = attributes.i32();
    else if (attributes.type === leaseAttribute.queue) {
      const queue = attributes.nested();
      while (queue.next()) parseQueue(lease, queue);
    }
  }
  return lease;
}

function parseQueue(queue: LeasedQueue, attribute: NetlinkAttributeReader): void {
  if (attribute.type === queueAttribute.id) queue.queue = attribute.u32();
  else if (attribute.type === queueAttribute.type) queue.type = queueTypes[attribute.u32()] ?? null;
}
