import type { NetlinkMessageWriter } from './message.ts';
import {
  attributeBigEndian32,
  bigEndian32,
  encodeNfgenmsg,
  netfilterMessageType,
} from './netfilter-message.ts';
import { isNetlinkError } from './netlink-error.ts';
import { type NetlinkRequest, NetlinkSocket } from './socket.ts';

/** Messages, attributes and values, <linux/netfilter/nfnetlink_queue.h>. */
const messages = { config: 2, verdictBatch: 3 } as const;
const NFQA_VERDICT_HDR = 2;
const configuration = { command: 1, parameters: 2, maximumLength: 3, mask: 4, flags: 5 } as const;
const NFQNL_CFG_CMD_BIND = 1;
/** Copies no byte of a packet to the socket. With NFQNL_COPY_NONE the kernel would drop the packets. */
const NFQNL_COPY_META = 1;
/** Lets packets pass that do not fit into the queue. */
const NFQA_CFG_F_FAIL_OPEN = 1;
/** Queues a packet of many segments (GSO) as it is. */
const NFQA_CFG_F_GSO = 4;
const NF_ACCEPT = 1;
/** Largest id that the kernel takes for later than those of all packets; they are numbered from 1. */
const lastPacket = 0x7fff_ffff;

/** Maximum number of packets that are held; the kernel drops further ones. */
const maxPackets = 65_536;
/** Size of the queue of messages: the kernel counts at most 2 KiB for the message about a packet. */
const receiveQueueBytes = maxPackets * 2048;

/**
 * A queue of nfnetlink_queue that holds the packets which rules of its network namespace put into it, in order. Its
 * packets are dropped when it is closed or the process ends, and, which the kernel does with those of all queues, when
 * anybody removes a netfilter hook (a base chain) of the namespace, or sets the device down that they came from.
 */
export class PacketQueue implements Disposable {
  /** Number of the queue in its namespace, 0 to 65,535. */
  readonly number: number;
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket, number: number) {
    this.#socket = socket;
    this.number = number;
  }

  /**
   * Opens the first of several queues that no other socket is bound to, in the namespace of a descriptor.
   * @param numbers of queues, at least one
   * @throws NetlinkError that of the last queue: EPERM or EBUSY if it is taken, EINVAL on a kernel without queues
   */
  static async open(namespaceFd: number, numbers: readonly number[]): Promise<PacketQueue> {
    const socket = NetlinkSocket.inNamespace(namespaceFd, 'netfilter', { receiveQueueBytes });
    try {
      for (const [index, number] of numbers.entries()) {
        const [error] = await socket.batch([bindRequest(number)]);
        if (!error) return new PacketQueue(socket, number);
        // The kernel answers EPERM for a queue of another socket.
        if (index === numbers.length - 1 || !isNetlinkError(error, 'EPERM', 'EBUSY')) throw error;
      }
      throw new Error('no number of a queue');
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /**
   * Lets all packets go on, in order, from the hook that they are held at, and from then on those that rules put into
   * the queue at once. Both is done in one send, so that hardly a packet overtakes another one. May be repeated.
   * @throws NetlinkError
   */
  async release(): Promise<void> {
    const { number } = this;
    // The first takes as long as there are packets; those that are queued meanwhile go with the second.
    const answers = await this.#socket.batch([
      acceptRequest(number),
      acceptRequest(number),
      ...openRequests(number),
      acceptRequest(number),
    ]);
    // ENOENT: no packet was in the queue.
    const error = answers.find((each) => each !== null && each.code !== 'ENOENT');
    if (error) throw error;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

const bindRequest = (queue: number): NetlinkRequest =>
  configure(
    queue,
    (message) => {
      // struct nfqnl_msg_config_cmd: u8 command, u8 pad, be16 family
      message.attributeBytes(configuration.command, Buffer.from([NFQNL_CFG_CMD_BIND, 0, 0, 0]));
      // struct nfqnl_msg_config_params, packed: be32 bytes to copy, u8 mode
      message.attributeBytes(
        configuration.parameters,
        Buffer.concat([bigEndian32(0), Buffer.from([NFQNL_COPY_META])]),
      );
      attributeBigEndian32(message, configuration.maximumLength, maxPackets);
      attributeBigEndian32(message, configuration.mask, NFQA_CFG_F_GSO);
      attributeBigEndian32(message, configuration.flags, NFQA_CFG_F_GSO);
    },
    'bind',
  );

/** Builds a request that lets all packets of a queue go on. The kernel answers ENOENT if there are none. */
const acceptRequest = (queue: number): NetlinkRequest => ({
  operation: `accept the packets of queue ${queue}`,
  type: netfilterMessageType('queue', messages.verdictBatch),
  encode: (message) => {
    encodeNfgenmsg(message, 0, queue);
    // struct nfqnl_msg_verdict_hdr: be32 verdict, be32 id of the last packet
    message.attributeBytes(
      NFQA_VERDICT_HDR,
      Buffer.concat([bigEndian32(NF_ACCEPT), bigEndian32(lastPacket)]),
    );
  },
});

/**
 * Builds requests after which a queue lets pass what does not fit, and then is full at all times. They are two, since
 * the kernel changes the length before the flags of the same request, and would drop packets in between.
 */
const openRequests = (queue: number): NetlinkRequest[] => [
  configure(queue, (message) => {
    attributeBigEndian32(message, configuration.mask, NFQA_CFG_F_FAIL_OPEN);
    attributeBigEndian32(message, configuration.flags, NFQA_CFG_F_FAIL_OPEN);
  }),
  configure(queue, (message) => attributeBigEndian32(message, configuration.maximumLength, 0)),
];

const configure = (
  queue: number,
  encode: (message: NetlinkMessageWriter) => void,
  what = 'open',
): NetlinkRequest => ({
  operation: `${what} packet queue ${queue}`,
  type: netfilterMessageType('queue', messages.config),
  encode: (message) => {
    encodeNfgenmsg(message, 0, queue);
    encode(message);
  },
});
