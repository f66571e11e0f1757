import { randomBytes, randomInt } from 'node:crypto';
import { ProblemError } from '../../../contract/problem.ts';
import { setSafeTimeout } from '../../async/safe-timers.ts';
import { recordOpenedDescriptor } from '../../ffi/descriptor-tracking.ts';
import {
  addressOf,
  close,
  errno,
  errnoName,
  recv,
  sendto,
  setsockopt,
  socket,
  strerror,
} from '../../ffi/libc.ts';
import { onDescriptorReadable } from '../../netlink/descriptor-readable.ts';
import { addressFamilies as families, type IpFamily, ipAddressToBytes } from '../../netlink/ip-address.ts';
import { buildEchoIdentifierFilter, decodeEchoReply, encodeEchoRequest } from './icmp-message.ts';

/** Socket constants of <sys/socket.h> and <netinet/in.h>. */
const SOCK_RAW_CLOEXEC_NONBLOCK = 0x8_0803;
const protocols = { ipv4: 1, ipv6: 58 } as const;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
/**
 * ICMP_FILTER of <linux/icmp.h> and ICMPV6_FILTER of <linux/icmpv6.h>: one bit per ICMP type; a set bit blocks the
 * type.
 */
const ICMP_FILTER = 1;
const allBut = (bytes: number, type: number): Buffer => {
  const refused = Buffer.alloc(bytes, 0xff);
  const word = Math.floor(type / 32) * 4;
  refused.writeUInt32LE((refused.readUInt32LE(word) & ~(1 << (type % 32))) >>> 0, word);
  return refused;
};
/** Socket option level (SOL_RAW or SOL_ICMPV6) and filter value that blocks every ICMP type except echo replies. */
const typeFilters = {
  ipv4: { level: 255, refused: allBut(4, 0) },
  ipv6: { level: 58, refused: allBut(32, 129) },
} as const;
const EAGAIN = 11;
/** Maximum number of datagrams to read before the event loop continues. */
const burst = 64;

/** Outcome of an echo request: the round-trip time in milliseconds, or the reason why no reply arrived. */
export type EchoOutcome = { ms: number } | { why: string };

interface PendingEcho {
  nonce: bigint;
  at: number;
  timer: NodeJS.Timeout;
  answer: (outcome: EchoOutcome) => void;
}

/**
 * Sends ICMP echo requests from the network namespace it was opened in, one socket for all addresses of a family. No
 * call blocks. The socket is raw because datagram ICMP sockets are disabled by default, for root as well
 * (net.ipv4.ping_group_range).
 */
export class EchoSocket implements Disposable {
  readonly #family: IpFamily;
  readonly #fd: number;
  readonly #identifier = randomInt(0x1_0000);
  readonly #pending = new Map<number, PendingEcho>();
  readonly #receive = Buffer.allocUnsafeSlow(2048);
  #sequence = 0;
  #unpoll: (() => void) | null = null;

  private constructor(family: IpFamily) {
    this.#family = family;
    const what = `open a raw ICMP socket for ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`;
    this.#fd = recordOpenedDescriptor(
      socket(families[family], SOCK_RAW_CLOEXEC_NONBLOCK, protocols[family]),
      `ICMP socket (${family})`,
    );
    if (this.#fd < 0) throw refusal(what, errno());
    this.#filterByType(what);
    this.#filterByIdentifier(what);
    this.#unpoll = onDescriptorReadable(this.#fd, () => this.#drain());
  }

  /**
   * Installs a filter by ICMP type, which the kernel applies before the BPF filter: a packet that a BPF filter
   * rejects counts as dropped.
   */
  #filterByType(what: string): void {
    const { level, refused } = typeFilters[this.#family];
    this.#setOption(`${what}: take replies only`, level, ICMP_FILTER, refused);
  }

  /** Installs a BPF filter that rejects replies to the echo requests of other programs. */
  #filterByIdentifier(what: string): void {
    // struct sock_fprog: u16 length in instructions, their address at 8
    const filter = buildEchoIdentifierFilter(this.#family, this.#identifier);
    const program = Buffer.alloc(16);
    program.writeUInt16LE(filter.length / 8, 0);
    program.writeBigUInt64LE(addressOf(filter), 8);
    this.#setOption(`${what}: attach its filter`, SOL_SOCKET, SO_ATTACH_FILTER, program);
  }

  #setOption(what: string, level: number, option: number, value: Buffer): void {
    if (setsockopt(this.#fd, level, option, value, value.length) === 0) return;
    const failed = errno();
    close(this.#fd);
    throw refusal(what, failed);
  }

  /** Opens a raw ICMP socket in the thread's current network namespace. @throws ProblemError `kernel_refused` */
  static open(family: IpFamily): EchoSocket {
    return new EchoSocket(family);
  }

  /**
   * Sends an echo request; resolves when it is answered or timed out.
   * @param address of the socket's family, without a prefix length
   */
  probe(address: string, timeoutMs: number): Promise<EchoOutcome> {
    if (!this.#unpoll) return Promise.resolve({ why: 'the probes are closed' });
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const sequence = this.#sequence;
    const nonce = randomBytes(8).readBigUInt64BE();
    const message = encodeEchoRequest(this.#family, { identifier: this.#identifier, sequence, nonce });
    const to = socketAddress(this.#family, address);
    const at = performance.now();
    const sent = sendto(this.#fd, message, message.length, 0, to, to.length);
    if (sent < 0) return Promise.resolve({ why: `send failed: ${strerror(errno())}` });
    return new Promise((resolve) => {
      const answer = (outcome: EchoOutcome): void => {
        clearTimeout(timer);
        if (this.#pending.get(sequence)?.nonce === nonce) this.#pending.delete(sequence);
        resolve(outcome);
      };
      const timer = setSafeTimeout(() => {
        // After the event loop was blocked, timers run before the socket is read: the answer may already be there.
        this.#drain();
        answer({ why: `no answer within ${timeoutMs} ms` });
      }, timeoutMs);
      this.#pending.set(sequence, { nonce, at, timer, answer });
    });
  }

  close(): void {
    if (this.#unpoll === null) return;
    this.#unpoll();
    this.#unpoll = null;
    close(this.#fd);
    for (const { answer } of [...this.#pending.values()]) answer({ why: 'the probes are closed' });
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Reads all pending datagrams. A socket error other than EAGAIN is ignored, because reading the error clears it. */
  #drain(): void {
    for (let read = 0; read < burst && this.#unpoll; read++) {
      const length = recv(this.#fd, this.#receive, this.#receive.length, 0);
      if (length >= 0) this.#take(this.#receive.subarray(0, length));
      else if (errno() === EAGAIN) return;
    }
  }

  #take(packet: Buffer): void {
    const echo = decodeEchoReply(this.#family, packet);
    if (echo === null || echo.identifier !== this.#identifier) return;
    const pending = this.#pending.get(echo.sequence);
    if (pending?.nonce === echo.nonce) pending.answer({ ms: performance.now() - pending.at });
  }
}

/** Encodes struct sockaddr_in (u16 family, be16 port, address@4) or sockaddr_in6 (address@8, scope@24). */
function socketAddress(family: IpFamily, address: string): Buffer {
  const bytes = Buffer.alloc(family === 'ipv4' ? 16 : 28);
  bytes.writeUInt16LE(families[family], 0);
  bytes.set(ipAddressToBytes(address), family === 'ipv4' ? 4 : 8);
  return bytes;
}

const refusal = (tried: string, code: number): ProblemError =>
  new ProblemError('kernel_refused', `${tried}: ${strerror(code)} (${errnoName(code)})`, {
    hint: 'Run the agent as root, with CAP_NET_RAW.',
  });
