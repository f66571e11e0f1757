import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { Migration } from '../../../contract/migration.ts';
import type { Pod } from '../../../contract/pod.ts';
import { decodeSampleFrame, type SampleFrame } from '../../../contract/sample-frame.ts';
import type { ServerMessage } from '../../../contract/stream-messages.ts';

const root = path.join(import.meta.dirname, '../../..');
const exec = promisify(execFile);

export interface ApiResponse {
  status: number;
  location: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests check the parts that they expect
  body: any;
}

/** A host for one test: a network namespace that forwards, pods' namespaces, a pin folder and a temporary folder. */
export class TestHost {
  readonly name = `podlane-t-${randomBytes(3).toString('hex')}`;
  readonly netns = `/run/netns/${this.name}`;
  readonly pins = `/sys/fs/bpf/${this.name}`;
  readonly folder = mkdtempSync(path.join(tmpdir(), `${this.name}-`));
  readonly socket = path.join(this.folder, 'agent.sock');
  readonly database = path.join(this.folder, 'podlane.db');
  readonly #namespaces: string[] = [];

  constructor() {
    onTestFinished(() => this.#remove());
    this.#add(this.name);
    this.in(this.netns, 'sysctl', '-q', 'net.ipv4.ip_forward=1');
    // Source address of the host's own packets to pods.
    this.in(this.netns, 'ip', 'address', 'add', '10.41.0.1/32', 'dev', 'lo');
  }

  in(netns: string, ...words: string[]): string {
    return execFileSync('nsenter', [`--net=${netns}`, ...words], { encoding: 'utf8' });
  }

  /** Adds a network namespace for a pod. @returns its path */
  addNamespace(pod: string): string {
    this.#add(`${this.name}-${pod}`);
    return `/run/netns/${this.name}-${pod}`;
  }

  /** Sends `count` pings from a namespace, 10 ms apart. @returns how many were answered */
  async ping(netns: string, address: string, count: number): Promise<number> {
    const words = ['-q', '-c', String(count), '-i', '0.01', '-W', '1', address];
    const { stdout } = await exec('nsenter', [`--net=${netns}`, 'ping', ...words]).catch((error) => error);
    return Number(/(\d+) received/.exec(stdout)?.[1] ?? 0);
  }

  /** Returns true if the host has the primary of this name. */
  hasDevice = (name: string): boolean => this.in(this.netns, 'ip', '-br', 'link').includes(`${name}@`);

  #add(name: string): void {
    execFileSync('ip', ['netns', 'add', name]);
    this.#namespaces.push(name);
    this.in(`/run/netns/${name}`, 'ip', 'link', 'set', 'lo', 'up');
  }

  #remove(): void {
    for (const name of this.#namespaces) execFileSync('ip', ['netns', 'delete', name]);
    rmSync(this.pins, { recursive: true, force: true });
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs `server/main.ts` in the host's namespace until the test has finished. */
export class AgentProcess {
  readonly #host: TestHost;
  readonly #child;
  stderr = '';
  /** The exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;

  constructor(host: TestHost, ...flags: string[]) {
    this.#host = host;
    const { netns, socket, database, pins } = host;
    const own = [
      '--socket',
      socket,
      '--database',
      database,
      '--pins',
      pins,
      '--max-slots',
      '64',
      '--learn',
      '0',
    ];
    const main = path.join(root, 'server/main.ts');
    const command = [`--net=${netns}`, process.execPath, main, ...own, ...flags];
    this.#child = spawn('nsenter', command, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.ended = once(this.#child, 'close').then(([code]) => code);
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
    });
    onTestFinished(async () => void (await this.stop('SIGKILL')));
  }

  /** Waits until the agent listens. @throws Error with its standard error when it exits instead */
  async ready(): Promise<this> {
    while (!this.stderr.includes('agent ready on')) {
      const over = await Promise.race([this.ended.then(() => true), once(this.#child.stderr, 'data')]);
      if (over === true) throw new Error(`the agent ended:\n${this.stderr}`);
    }
    return this;
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    this.#child.kill(signal);
    return await this.ended;
  }

  /** Returns the time in ms of processor that the agent has used, that of its threads included. */
  cpuMs(): number {
    const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  /** Calls the API. @param type content type of `body`, which is sent as it is unless it is JSON */
  call(method: string, target: string, body?: unknown, type = 'application/json'): Promise<ApiResponse> {
    const headers = body === undefined ? {} : { 'content-type': type };
    const content = type === 'application/json' ? JSON.stringify(body) : String(body);
    return new Promise((resolve, reject) => {
      request(
        { socketPath: this.#host.socket, method, path: `/api/v1${target}`, headers },
        async (answer) => {
          let text = '';
          for await (const chunk of answer) text += chunk;
          const { location } = answer.headers;
          resolve({ status: answer.statusCode!, location, body: text === '' ? null : JSON.parse(text) });
        },
      )
        .on('error', reject)
        .end(body === undefined ? undefined : content);
    });
  }

  /** Attaches `shop/<name>` by veth at 10.42.0.<last>. */
  async attach(
    name: string,
    last: number,
    labels: Record<string, string> = {},
  ): Promise<Pod & { path: string }> {
    const netns = this.#host.addNamespace(name);
    const wanted = {
      namespace: 'shop',
      name,
      netns,
      addresses: [`10.42.0.${last}/32`],
      kind: 'veth',
      labels,
    };
    const { status, body } = await this.call('POST', '/pods', wanted);
    if (status !== 201) throw new Error(JSON.stringify(body));
    return { ...body, path: netns };
  }

  async stream(...topics: string[]): Promise<StreamListener> {
    const socket = new WebSocket(`ws+unix:${this.#host.socket}:/api/v1/stream`);
    onTestFinished(() => socket.terminate());
    const listener = new StreamListener(socket);
    await once(socket, 'open');
    for (const [id, topic] of topics.entries()) listener.say({ id, type: 'subscribe', topic });
    return listener;
  }
}

/** Collects the messages and frames of a stream. */
export class StreamListener {
  readonly messages: ServerMessage[] = [];
  readonly frames: SampleFrame[] = [];
  closeCode: number | null = null;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('close', (code) => {
      this.closeCode = code;
    });
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.frames.push(decodeSampleFrame(new Uint8Array(data).buffer));
      else this.messages.push(JSON.parse(String(data)));
    });
  }

  say(message: unknown): void {
    this.#socket.send(JSON.stringify(message));
  }

  migrations(): Migration[] {
    return this.messages.flatMap((message) => (message.type === 'migration' ? [message.migration] : []));
  }
}

/** Returns a pod's counters in a frame. */
export function podCounts(frame: SampleFrame | undefined, pod: { number: number }) {
  const row = frame?.column('pod').indexOf(BigInt(pod.number)) ?? -1;
  if (frame === undefined || row < 0) return undefined;
  const value = (column: Parameters<SampleFrame['column']>[0]) => Number(frame.column(column)[row]);
  return {
    egressPackets: value('egressPackets'),
    egressBytes: value('egressBytes'),
    ingressPackets: value('ingressPackets'),
    ingressBytes: value('ingressBytes'),
    kind: value('kind'),
    slot: value('slot'),
  };
}
