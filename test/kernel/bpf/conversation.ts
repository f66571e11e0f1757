import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { ConversationRequest } from './conversation-process.ts';

/** A process in a network namespace that serves and asks over TCP and UDP, one request at a time. */
export class ConversationEnd implements Disposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(netns: string) {
    const script = new URL('conversation-process.ts', import.meta.url).pathname;
    this.#child = spawn('nsenter', [`--net=${netns}`, process.execPath, script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async #request(request: ConversationRequest): Promise<string> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    const { value } = await this.#lines.next();
    return JSON.parse(value as string) as string;
  }

  /** Answers every TCP connection and datagram to `address` and `port` with `text`. */
  async serve(address: string, port: number, text: string): Promise<void> {
    const answer = await this.#request({ do: 'serve', address, port, text });
    if (answer !== 'serving') throw new Error(`serve ${address} ${port}: ${answer}`);
  }

  /**
   * Asks and returns the answer, `no answer` or an error code.
   * @param from local port, else any
   * @param bytes length of the datagram
   */
  ask(
    protocol: 'tcp' | 'udp',
    address: string,
    port: number,
    { from, bytes }: { from?: number; bytes?: number } = {},
  ): Promise<string> {
    return this.#request({
      do: 'ask',
      protocol,
      address,
      port,
      ...(from === undefined ? {} : { from }),
      ...(bytes === undefined ? {} : { bytes }),
    });
  }

  /** Asks over UDP, from one socket for each name. Returns as `ask`; of an answer from somebody else also who it came from. */
  askFromOnePort = (name: string, address: string, port: number) =>
    this.#request({ do: 'askFromOnePort', name, address, port });
  /** Opens a TCP connection and keeps it. Returns `open`, `no answer` or an error code. */
  open = (address: string, port: number) => this.#request({ do: 'open', address, port });
  /** Says something in the newest connection that was opened or accepted here. */
  say = (text: string) => this.#request({ do: 'say', text });
  /** Waits for what is said in it. Returns it, `nothing` or an error code. */
  hear = () => this.#request({ do: 'hear' });
  /** Opens a UDP socket that is not connected. */
  bind = (address: string, port: number) => this.#request({ do: 'bind', address, port });
  /** Sends a datagram from it. */
  sendTo = (address: string, port: number, text: string) =>
    this.#request({ do: 'sendTo', address, port, text });
  /** Returns the datagrams that it received since the last call. */
  receive = async () => (await this.#request({ do: 'receive' })).split(' ').filter((text) => text !== '');
  /** Answers DNS queries for A and AAAA records. */
  serveNames = (address: string) => this.#request({ do: 'serveNames', address });
  /** Asks for both addresses of a name at once, from one port. */
  resolve = (server: string) => this.#request({ do: 'resolve', server });

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
