import { closeSync, openSync } from 'node:fs';
import { Mutex } from '../async/mutex.ts';
import { Semaphore } from '../async/semaphore.ts';
import { parseAcknowledgement } from './acknowledgement.ts';
import { MalformedNetlinkMessage, NetlinkMessageReader, NetlinkMessageWriter } from './message.ts';
import { nlmsgFlags, nlmsgTypes } from './message-constants.ts';
import { NetlinkError } from './netlink-error.ts';
import { runInNetworkNamespace } from './setns.ts';
import {
  type NetlinkProtocol,
  type NetlinkQueueOptions,
  type NetlinkTransport,
  openNetlinkTransport,
} from './transport.ts';

const EINTR = 4;
const EAGAIN = 11;
const EMSGSIZE = 90;
const ETIMEDOUT = 110;

/** Size of the receive buffer in bytes: twice the 32 KiB that the kernel fills at most in a dump. */
const receiveBytes = 65_536;
/** Receive buffers of closed sockets, for the next ones: sockets are opened for single looks at a pod. */
const spareBuffers: Buffer[] = [];
const maxSpareBuffers = 16;
/** Limits of a send, so that its acknowledgements of about 1 KiB each fit into the receive queue. */
const batchMessages = 256;
const batchBytes = 65_536;
const dumpAttempts = 20;
/** Limit of a transaction in bytes, half the send buffer, since the kernel counts its own overhead as well. */
const transactionBytes = 1 << 21;

/** Limits concurrent exchanges of all sockets, since koffi throws when 256 asynchronous calls are queued. */
const exchanges = new Semaphore(64);

/**
 * A netlink request. `operation` is the start of its error messages, such as `add address 10.42.0.33/32 to ifindex
 * 7`.
 */
export interface NetlinkRequest {
  operation: string;
  type: number;
  /** Flags of the request besides NLM_F_REQUEST and NLM_F_ACK. */
  flags?: number;
  /** Writes the body and attributes of the request; called just before it is sent. */
  encode(message: NetlinkMessageWriter): void;
}

/**
 * A netlink socket for requests, <linux/rtnetlink.h>. It belongs to the namespace it was opened in, for good. Requests
 * may be made at any time and run one after the other. The kernel does the work inside send(2), where it may wait for
 * RTNL, so sending is asynchronous; the replies are queued when it returns.
 */
export class NetlinkSocket implements Disposable {
  readonly #transport: NetlinkTransport;
  readonly #writer = new NetlinkMessageWriter();
  readonly #received = spareBuffers.pop() ?? Buffer.allocUnsafeSlow(receiveBytes);
  readonly #exchange = new Mutex();
  #sequence = 0;
  #closed = false;

  /** Creates a socket that owns the transport and closes it. */
  constructor(transport: NetlinkTransport) {
    this.#transport = transport;
  }

  /** Opens a netlink socket in the current network namespace. @throws NetlinkError */
  static open(protocol: NetlinkProtocol = 'route', options: NetlinkQueueOptions = {}): NetlinkSocket {
    return new NetlinkSocket(openNetlinkTransport(protocol, options));
  }

  /**
   * Opens a socket in the network namespace of a descriptor or a path.
   * @throws NetlinkError, or the error of opening the path
   */
  static inNamespace(
    namespace: number | string,
    protocol: NetlinkProtocol = 'route',
    options: NetlinkQueueOptions = {},
  ): NetlinkSocket {
    if (typeof namespace === 'number')
      return runInNetworkNamespace(namespace, () => NetlinkSocket.open(protocol, options));
    const fd = openSync(namespace, 'r');
    try {
      return runInNetworkNamespace(fd, () => NetlinkSocket.open(protocol, options));
    } finally {
      closeSync(fd);
    }
  }

  /** Port id of the socket, as in the events of what its requests change. */
  get port(): number {
    return this.#transport.port;
  }

  /** Closes the socket once all pending requests are done. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#exchange.locked) this.#release();
    // Never rejects: a request's failure is its caller's.
    else void this.#exchange.idle().then(() => this.#release());
  }

  #release(): void {
    this.#transport.close();
    if (spareBuffers.length < maxSpareBuffers) spareBuffers.push(this.#received);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Sends a request. @throws NetlinkError if the kernel refuses it */
  async request(request: NetlinkRequest): Promise<void> {
    const [error] = await this.batch([request]);
    if (error) throw error;
  }

  /**
   * Sends many requests at once. The kernel carries out each by itself: a refused one does not stop the others.
   * @returns for each request, in order, null or the error it was refused with
   */
  batch(requests: readonly NetlinkRequest[]): Promise<(NetlinkError | null)[]> {
    return this.#sendAll(requests, () => undefined);
  }

  /**
   * Sends requests as one datagram that the kernel carries out as a whole or not at all: a batch of nfnetlink.
   * @param last index of the last change, whose acknowledgement ends the exchange
   * @throws NetlinkError the first refusal, after which nothing has changed; EMSGSIZE above 2 MiB
   */
  transaction(requests: readonly NetlinkRequest[], last: number): Promise<void> {
    return this.#exclusively(async () => {
      const first = (this.#sequence + 1) >>> 0;
      // Errors are reported without being requested, and before the acknowledgement of the last change.
      for (const [index, request] of requests.entries())
        this.#encode(request, nlmsgFlags.request | (index === last ? nlmsgFlags.ack : 0), index === 0);
      const operation = batchText(requests.slice(1, last + 1));
      if (this.#writer.length > transactionBytes)
        throw new NetlinkError(`${operation}: transaction of ${this.#writer.length} bytes`, EMSGSIZE);
      await this.#send(operation);
      for (;;) {
        const messages = await this.#read(operation);
        while (messages.next()) {
          const index = (messages.sequence - first) >>> 0;
          const request = requests[index];
          if (messages.type !== nlmsgTypes.error || request === undefined) continue;
          const error = parseAcknowledgement(messages, index === 0 ? operation : request.operation);
          if (error) throw error;
          if (index === last) return;
        }
      }
    });
  }

  /** Requests a single object. @returns its parsed reply @throws NetlinkError if the kernel refuses the request */
  get<T>(request: NetlinkRequest, parse: (message: NetlinkMessageReader) => T): Promise<T> {
    return this.#exclusively(async () => {
      const sequence = this.#encode(request, nlmsgFlags.request | nlmsgFlags.ack);
      await this.#send(request.operation);
      let found: { value: T } | undefined;
      for (;;) {
        const messages = await this.#read(request.operation);
        while (messages.next()) {
          if (messages.sequence !== sequence) continue;
          if (messages.type !== nlmsgTypes.error) {
            found = { value: parse(messages) };
            continue;
          }
          const error = parseAcknowledgement(messages, request.operation);
          if (error) throw error;
          if (!found)
            throw new MalformedNetlinkMessage(`no reply before the acknowledgement (${request.operation})`);
          return found.value;
        }
      }
    });
  }

  /**
   * Requests many objects at once, each with a request of its own.
   * @returns for each request, in order, its parsed reply, or the error it was refused with
   */
  async getEach<T>(
    requests: readonly NetlinkRequest[],
    parse: (message: NetlinkMessageReader) => T,
  ): Promise<(T | NetlinkError)[]> {
    const found = new Map<number, T>();
    const errors = await this.#sendAll(requests, (index, message) => found.set(index, parse(message)));
    return errors.map((error, index) => {
      const value = error ?? found.get(index);
      if (value !== undefined) return value;
      throw new MalformedNetlinkMessage(
        `no reply before the acknowledgement (${requests[index]?.operation})`,
      );
    });
  }

  /**
   * Requests all objects that the request's body matches. A dump during which objects changed (NLM_F_DUMP_INTR) may
   * miss some, so it is repeated.
   * @returns the parsed replies without the nulls @throws NetlinkError EINTR when every attempt was interrupted
   */
  dump<T>(request: NetlinkRequest, parse: (message: NetlinkMessageReader) => T | null): Promise<T[]> {
    return this.#exclusively(async () => {
      for (let attempt = 0; attempt < dumpAttempts; attempt++) {
        const found = await this.#dumpOnce(request, parse);
        if (found) return found;
      }
      throw new NetlinkError(`${request.operation}: interrupted by changes ${dumpAttempts} times`, EINTR);
    });
  }

  /** Requests a list of objects once. @returns null if changes interrupted the dump */
  async #dumpOnce<T>(
    request: NetlinkRequest,
    parse: (message: NetlinkMessageReader) => T | null,
  ): Promise<T[] | null> {
    const found: T[] = [];
    let interrupted = false;
    const sequence = this.#encode(request, nlmsgFlags.request | nlmsgFlags.dump);
    await this.#send(request.operation);
    for (;;) {
      const messages = await this.#read(request.operation, true);
      while (messages.next()) {
        if (messages.sequence !== sequence) continue;
        if (messages.flags & nlmsgFlags.dumpInterrupted) interrupted = true;
        if (messages.type === nlmsgTypes.done || messages.type === nlmsgTypes.error) {
          const error = parseAcknowledgement(messages, request.operation);
          if (error) throw error;
          return interrupted ? null : found;
        }
        const value = parse(messages);
        if (value !== null) found.push(value);
      }
    }
  }

  /** Sends requests in as many sends as they need. @param reply receives the index of a request and its reply */
  #sendAll(
    requests: readonly NetlinkRequest[],
    reply: (index: number, message: NetlinkMessageReader) => void,
  ): Promise<(NetlinkError | null)[]> {
    return this.#exclusively(async () => {
      const errors: (NetlinkError | null)[] = [];
      while (errors.length < requests.length) {
        const start = errors.length;
        errors.push(
          ...(await this.#sendBatch(requests.slice(start), (index, message) =>
            reply(start + index, message),
          )),
        );
      }
      return errors;
    });
  }

  /**
   * Sends as many requests from the start of the list as fit into one send.
   * @returns their outcomes in the same order
   */
  async #sendBatch(
    requests: readonly NetlinkRequest[],
    reply: (index: number, message: NetlinkMessageReader) => void,
  ): Promise<(NetlinkError | null)[]> {
    const sent: NetlinkRequest[] = [];
    const first = (this.#sequence + 1) >>> 0;
    for (const request of requests) {
      if (sent.length > 0 && (sent.length >= batchMessages || this.#writer.length >= batchBytes)) break;
      this.#encode(request, nlmsgFlags.request | nlmsgFlags.ack, sent.length === 0);
      sent.push(request);
    }
    const operation = batchText(sent);
    await this.#send(operation);
    const errors = new Array<NetlinkError | null>(sent.length).fill(null);
    for (let awaited = sent.length; awaited > 0; ) {
      const messages = await this.#read(operation);
      while (messages.next()) {
        const index = (messages.sequence - first) >>> 0;
        const request = sent[index];
        if (request === undefined) continue;
        if (messages.type !== nlmsgTypes.error) {
          reply(index, messages);
          continue;
        }
        errors[index] = parseAcknowledgement(messages, request.operation);
        awaited--;
      }
    }
    return errors;
  }

  /** Encodes a request; with `first`, the writer is reset before. @returns the request's sequence number */
  #encode(request: NetlinkRequest, flags: number, first = true): number {
    if (first) this.#writer.reset();
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#writer.begin(request.type, flags | (request.flags ?? 0), this.#sequence);
    request.encode(this.#writer);
    this.#writer.end();
    return this.#sequence;
  }

  async #send(operation: string): Promise<void> {
    const errno = await this.#transport.send(this.#writer.buffer, this.#writer.length);
    if (errno !== 0) throw new NetlinkError(operation, errno);
  }

  /**
   * Reads the next datagram. Reading on in a dump makes the kernel fill the next part, under RTNL: `wait` at once.
   * @throws NetlinkError ETIMEDOUT when the kernel does not reply
   */
  async #read(operation: string, wait = false): Promise<NetlinkMessageReader> {
    for (let mayWait = wait; ; mayWait = true) {
      const { length, errno } = mayWait
        ? await this.#transport.receive(this.#received)
        : this.#transport.receiveNow(this.#received);
      if (errno === 0) {
        if (length > this.#received.length)
          throw new NetlinkError(`${operation}: reply of ${length} bytes`, EMSGSIZE);
        return new NetlinkMessageReader(this.#received, length);
      }
      if (errno === EAGAIN && mayWait) throw new NetlinkError(operation, ETIMEDOUT);
      if (errno !== EAGAIN && errno !== EINTR) throw new NetlinkError(`${operation}: read the reply`, errno);
    }
  }

  /** Runs one exchange at a time. Unread replies of a failed exchange are discarded first, which also ends its dump. */
  #exclusively<T>(exchange: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new Error('netlink socket is closed'));
    return this.#exchange.run(() =>
      exchanges.run(async () => {
        try {
          return await exchange();
        } catch (error) {
          while (this.#transport.receiveNow(this.#received).errno === 0);
          throw error;
        }
      }),
    );
  }
}

const batchText = ([first, ...others]: readonly NetlinkRequest[]): string =>
  `${first?.operation ?? 'no request'}${others.length > 0 ? ` and ${others.length} more` : ''}`;
