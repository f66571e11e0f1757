import { NetlinkMessageReader, NetlinkMessageWriter } from '../../../server/netlink/message.ts';
import type { NetlinkTransport, ReceiveResult } from '../../../server/netlink/transport.ts';

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const EAGAIN = 11;

export interface FakeRequest {
  type: number;
  flags: number;
  sequence: number;
  body: Buffer;
}

/** One result of recv(2): a datagram of messages, or the errno that the call fails with. */
export type FakeReply = Buffer | { errno: number };

/**
 * A kernel as a function: it gets the requests of each send, and returns the results of the recv(2) calls after it.
 * Once these are used up, receiving fails with EAGAIN, as after the socket's timeout.
 */
export function fakeKernel(reply: (requests: FakeRequest[]) => FakeReply[]) {
  const queue: FakeReply[] = [];
  const sends: FakeRequest[][] = [];
  let closed = false;
  const receiveNow = (into: Buffer): ReceiveResult => {
    const next = queue.shift();
    if (next === undefined) return { length: -1, errno: EAGAIN };
    if ('errno' in next) return { length: -1, errno: next.errno };
    next.copy(into);
    return { length: next.length, errno: 0 };
  };
  const transport: NetlinkTransport = {
    send: (data, length) => {
      const requests = requestsIn(data.subarray(0, length));
      sends.push(requests);
      queue.push(...reply(requests));
      return Promise.resolve(0);
    },
    receive: (into) => Promise.resolve(receiveNow(into)),
    receiveNow,
    port: 1,
    close: () => {
      closed = true;
    },
  };
  return {
    transport,
    /** requests by send */
    sends,
    /** replies that nobody has received */
    queue,
    get closed() {
      return closed;
    },
  };
}

function requestsIn(data: Buffer): FakeRequest[] {
  const messages = new NetlinkMessageReader(data);
  const requests: FakeRequest[] = [];
  while (messages.next()) {
    const { type, flags, sequence, start, end } = messages;
    requests.push({ type, flags, sequence, body: Buffer.from(data.subarray(start, end)) });
  }
  return requests;
}

interface Message {
  type: number;
  flags?: number;
  body: number[];
}

/** Encodes a datagram of messages, whose bodies are words of 32 bits. */
export function datagram(sequence: number, ...messages: Message[]): Buffer {
  const writer = new NetlinkMessageWriter();
  for (const { type, flags = 0, body } of messages) {
    writer.begin(type, flags, sequence);
    for (const word of body) writer.i32(word);
    writer.end();
  }
  return Buffer.from(writer.buffer.subarray(0, writer.length));
}

/** NLMSG_ERROR with the header of the request behind it; errno 0 acknowledges. */
export const acknowledgement = (errno = 0): Message => ({ type: NLMSG_ERROR, body: [-errno, 16, 0, 0, 0] });

/** NLMSG_DONE, the end of a dump. */
export const done = (errno = 0, flags = 0): Message => ({ type: NLMSG_DONE, flags, body: [-errno] });
