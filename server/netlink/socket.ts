import { closeSync, openSync } from 'node:fs';
import { bind, close, errno, recv, send, setsockopt, socket } from '../ffi/libc.ts';
import { NetlinkError } from './error.ts';
import { MalformedMessage, MessageReader, MessageWriter } from './message.ts';
import { withNamespace } from './setns.ts';
import { nlmFlag, nlmsg } from './constants.ts';

const AF_NETLINK = 16;
/** NETLINK_ROUTE and NETLINK_SOCK_DIAG, <linux/netlink.h> */
const protocols = { route: 0, 'sock-diag': 4 } as const;
const SOCK_RAW_CLOEXEC = 0x8_0003;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const EINTR = 4;
const EAGAIN = 11;
const EMSGSIZE = 90;
const ETIMEDOUT = 110;
const NLMSGERR_ATTR_MSG = 1;

const answerSeconds = 10n;
/** The kernel fills at most 32 KiB of a dump at once; single answers are smaller. */
const receiveBytes = 65_536;
const receiveQueueBytes = 1 << 20;
/** What one send carries at most, so that its acknowledgements (about 1 KiB each queued) fit the queue. */
const batchMessages = 256;
const batchBytes = 65_536;
const dumpTries = 20;

/** `sock-diag` speaks of sockets, by the same rules. */
export type NetlinkProtocol = keyof typeof protocols;

/** One message to the kernel. `tried` begins the error's sentence: `add address 10.42.0.33/32 to ifindex 7`. */
export interface NetlinkRequest {
  operation: string;
  type: number;
  /** besides NLM_F_REQUEST and NLM_F_ACK */
  flags?: number;
  /** Writes body and attributes. Called when the request's turn has come. */
  encode(message: MessageWriter): void;
}

/**
 * An rtnetlink socket, <linux/rtnetlink.h>. It belongs to the namespace it was opened in, for good. Requests may
 * be made at any time and run one after the other. The kernel does the work inside send(2), where it may wait for
 * RTNL, so sending is asynchronous; the answers are queued when it returns.
 */
export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  readonly #writer = new MessageWriter();
  readonly #receive = Buffer.allocUnsafeSlow(receiveBytes);
  #sequence = 0;
  #busy = 0;
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(protocol: NetlinkProtocol) {
    this.#fd = openRtnetlink(0, 0, protocol);
    setOption(this.#fd, SO_RCVBUFFORCE, int(receiveQueueBytes));
    const patience = Buffer.alloc(16);
    patience.writeBigInt64LE(answerSeconds);
    setOption(this.#fd, SO_RCVTIMEO, patience);
  }

  /** In the current namespace. @throws NetlinkError */
  static open(): NetlinkSocket {
    return new NetlinkSocket('route');
  }

  /** In the network namespace of a descriptor or a path. @throws NetlinkError, or what opening the path throws */
  static inNamespace(namespace: number | string, protocol: NetlinkProtocol = 'route'): NetlinkSocket {
    if (typeof namespace === 'number') return withNamespace(namespace, () => new NetlinkSocket(protocol));
    const fd = openSync(namespace, 'r');
    try {
      return withNamespace(fd, () => new NetlinkSocket(protocol));
    } finally {
      closeSync(fd);
    }
  }

  /** Closes after the requests that were made before. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#busy === 0) close(this.#fd);
    else void this.#tail.then(() => close(this.#fd));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @throws NetlinkError when the kernel refuses */
  async request(request: NetlinkRequest): Promise<void> {
    const [refusal] = await this.batch([request]);
    if (refusal) throw refusal;
  }

  /**
   * Sends many at once. The kernel carries out each by itself: a refused one does not stop the others.
   * @returns for each request, in order, null or why it was refused
   */
  batch(requests: readonly NetlinkRequest[]): Promise<(NetlinkError | null)[]> {
    return this.#exclusively(async () => {
      const refusals: (NetlinkError | null)[] = new Array(requests.length).fill(null);
      for (let from = 0; from < requests.length; ) from = await this.#sendBatch(requests, from, refusals);
      return refusals;
    });
  }

  /** Asks for one object. @returns what `parse` makes of the answer @throws NetlinkError when there is none */
  get<T>(request: NetlinkRequest, parse: (message: MessageReader) => T): Promise<T> {
    return this.#exclusively(async () => {
      const sequence = this.#begin(request, nlmFlag.request | nlmFlag.ack);
      await this.#send(request.operation, this.#writer.length);
      let found: { value: T } | undefined;
      for (;;) {
        const messages = await this.#read(request.operation);
        while (messages.next()) {
          if (messages.sequence !== sequence) continue;
          if (messages.type !== nlmsg.error) {
            found = { value: parse(messages) };
            continue;
          }
          const refusal = acknowledgement(messages, request.operation);
          if (refusal) throw refusal;
          if (!found) throw new MalformedMessage(`no answer before the acknowledgement (${request.operation})`);
          return found.value;
        }
      }
    });
  }

  /**
   * Asks for all objects that the request's body matches; a dump that changes interrupted is asked for again.
   * @returns what `parse` makes of each answer, without the nulls
   */
  dump<T>(request: NetlinkRequest, parse: (message: MessageReader) => T | null): Promise<T[]> {
    return this.#exclusively(async () => {
      for (let attempt = 0; attempt < dumpTries; attempt++) {
        const found = await this.#dumpOnce(request, parse);
        if (found) return found;
      }
      throw new NetlinkError(`${request.operation}, ${dumpTries} times while it changed`, EINTR);
    });
  }

  async #dumpOnce<T>(request: NetlinkRequest, parse: (message: MessageReader) => T | null): Promise<T[] | null> {
    const found: T[] = [];
    let interrupted = false;
    const sequence = this.#begin(request, nlmFlag.request | nlmFlag.dump);
    await this.#send(request.operation, this.#writer.length);
    for (;;) {
      const messages = await this.#read(request.operation, true);
      while (messages.next()) {
        if (messages.sequence !== sequence) continue;
        if (messages.flags & nlmFlag.dumpInterrupted) interrupted = true;
        if (messages.type === nlmsg.done || messages.type === nlmsg.error) {
          const refusal = acknowledgement(messages, request.operation);
          if (refusal) throw refusal;
          return interrupted ? null : found;
        }
        const value = parse(messages);
        if (value !== null) found.push(value);
      }
    }
  }

  /** @returns index of the first request that was not sent */
  async #sendBatch(
    requests: readonly NetlinkRequest[],
    from: number,
    refusals: (NetlinkError | null)[],
  ): Promise<number> {
    const first = (this.#sequence + 1) >>> 0;
    let next = from;
    for (let bytes = 0; next < requests.length; next++) {
      if (next > from && (next - from >= batchMessages || bytes >= batchBytes)) break;
      this.#begin(requests[next]!, nlmFlag.request | nlmFlag.ack, next === from);
      bytes = this.#writer.length;
    }
    const tried =
      next - from === 1 ? requests[from]!.operation : `${requests[from]!.operation} and ${next - from - 1} more`;
    await this.#send(tried, this.#writer.length);
    for (let left = next - from; left > 0; ) {
      const messages = await this.#read(tried);
      while (messages.next()) {
        const index = from + ((messages.sequence - first) >>> 0);
        if (messages.type !== nlmsg.error || index >= next) continue;
        refusals[index] = acknowledgement(messages, requests[index]!.operation);
        left--;
      }
    }
    return next;
  }

  /** Encodes one message; with `reset`, as the first of what is sent next. @returns its sequence number */
  #begin(request: NetlinkRequest, flags: number, reset = true): number {
    if (reset) this.#writer.reset();
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#writer.begin(request.type, flags | (request.flags ?? 0), this.#sequence);
    request.encode(this.#writer);
    this.#writer.end();
    return this.#sequence;
  }

  async #send(tried: string, length: number): Promise<void> {
    const failed = await new Promise<number>((resolve, reject) => {
      send.async(this.#fd, this.#writer.buffer, length, 0, (error, sent) => {
        if (error) reject(error);
        else resolve(sent < 0 ? errno() : 0);
      });
    });
    if (failed) throw new NetlinkError(tried, failed);
  }

  /** The next datagram. Reading on in a dump makes the kernel fill the next part, under RTNL: `wait` at once. */
  async #read(tried: string, wait = false): Promise<MessageReader> {
    for (let mayWait = wait; ; ) {
      const [length, failed] = mayWait ? await this.#receiveLater() : this.#receiveNow();
      if (failed === 0) {
        if (length > this.#receive.length)
          throw new NetlinkError(`${tried}: answer of ${length} bytes`, EMSGSIZE);
        return new MessageReader(this.#receive, length);
      }
      if (failed === EAGAIN && mayWait) throw new NetlinkError(tried, ETIMEDOUT);
      if (failed !== EAGAIN && failed !== EINTR) throw new NetlinkError(`${tried}: read the answer`, failed);
      mayWait = true;
    }
  }

  #receiveNow(): [length: number, failed: number] {
    const length = recv(this.#fd, this.#receive, this.#receive.length, MSG_DONTWAIT | MSG_TRUNC);
    return [length, length < 0 ? errno() : 0];
  }

  #receiveLater(): Promise<[length: number, failed: number]> {
    return new Promise((resolve, reject) => {
      recv.async(this.#fd, this.#receive, this.#receive.length, MSG_TRUNC, (error, length) => {
        if (error) reject(error);
        else resolve([length, length < 0 ? errno() : 0]);
      });
    });
  }

  /** One exchange at a time. What a failed one left unread is thrown away, which also ends a running dump. */
  #exclusively<T>(exchange: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new Error('rtnetlink socket is closed'));
    this.#busy++;
    const done = this.#tail
      .then(() => amongFew(exchange))
      .catch((error: unknown) => {
        while (this.#receiveNow()[1] === 0);
        throw error;
      });
    this.#tail = done.then(
      () => this.#busy--,
      () => this.#busy--,
    );
    return done;
  }
}

/** koffi throws when 256 asynchronous calls are queued, and a node's worth of pods may each have a socket. */
const exchangesAtOnce = 64;
let exchanges = 0;
const waiting: (() => void)[] = [];

async function amongFew<T>(exchange: () => Promise<T>): Promise<T> {
  if (exchanges >= exchangesAtOnce) await new Promise<void>((resolve) => waiting.push(resolve));
  else exchanges++;
  try {
    return await exchange();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else exchanges--;
  }
}

/**
 * A bound rtnetlink socket in the current namespace; `groups` is the mask of multicast groups it listens to.
 * @returns its descriptor @throws NetlinkError
 */
export function openRtnetlink(groups = 0, typeFlags = 0, protocol: NetlinkProtocol = 'route'): number {
  const fd = socket(AF_NETLINK, SOCK_RAW_CLOEXEC | typeFlags, protocols[protocol]);
  if (fd < 0) throw new NetlinkError('open an rtnetlink socket', errno());
  const address = Buffer.alloc(12); // struct sockaddr_nl: u16 family, pad, u32 pid, u32 groups
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(groups, 8);
  if (bind(fd, address, address.length) < 0) {
    const failed = errno();
    close(fd);
    throw new NetlinkError('bind an rtnetlink socket', failed);
  }
  for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK])
    setsockopt(fd, SOL_NETLINK, option, int(1), 4);
  return fd;
}

/** Reads NLMSG_ERROR (struct nlmsgerr) or NLMSG_DONE: null when all went well. */
export function acknowledgement(message: MessageReader, tried: string): NetlinkError | null {
  // A failed dump's NLMSG_DONE has the error number but no copy of the request behind it.
  const head = message.attributes(message.type === nlmsg.error ? 20 : 4);
  const code = message.buffer.readInt32LE(message.start);
  if (code === 0) return null;
  if (!(message.flags & nlmFlag.acknowledgeTlvs)) return new NetlinkError(tried, -code);
  const capped = message.type === nlmsg.done || (message.flags & nlmFlag.capped) !== 0;
  const attributes = capped
    ? head
    : message.attributes(4 + Math.max(16, message.buffer.readUInt32LE(message.start + 4)));
  while (attributes.next()) {
    if (attributes.type === NLMSGERR_ATTR_MSG) return new NetlinkError(tried, -code, attributes.string());
  }
  return new NetlinkError(tried, -code);
}

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};

const setOption = (fd: number, option: number, value: Buffer): void => {
  if (setsockopt(fd, SOL_SOCKET, option, value, value.length) < 0)
    throw new NetlinkError(`set option ${option} of an rtnetlink socket`, errno());
};
