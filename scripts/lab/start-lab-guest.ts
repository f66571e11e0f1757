import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import type { DeviceKind } from '../../contract/device.ts';
import type { RuntimeName } from '../runtimes/install-runtimes.ts';
import { compileCache, fillCompileCache } from '../vm/compile-cache.ts';
import { bootGuest } from '../vm/guest.ts';
import { publishedPort } from './start-container-node.ts';
import type { LabTrafficCounts } from './start-lab-node.ts';

const root = join(import.meta.dirname, '../..');
const guestPort = 7481;

export interface LabGuestOptions {
  lab: string;
  /** Device kind of all pods; undefined selects netkit if the kernel supports it. */
  kind: DeviceKind | undefined;
  /** Container runtime that runs the pods; undefined attaches pods of the lab's own. */
  runtime: RuntimeName | undefined;
  rate: number;
  progress(text: string): void;
  counted(apps: LabTrafficCounts): void;
  signal: AbortSignal;
}

/** An event that `lab-in-guest.ts` prints as a line of JSON. */
export type LabGuestEvent =
  | { type: 'ready' }
  | { type: 'traffic'; apps: LabTrafficCounts }
  | { type: 'agent'; how: string }
  | { type: 'progress'; text: string };

/** The lab's node in a guest, whose agent is reached through a forwarded port. */
export interface LabGuestNode {
  /** Address of the agent: `http://127.0.0.1:PORT`. */
  agent: string;
  token: string;
  /** Resolves once the agent has exited, with the reason; the pods and their traffic go on. */
  agentEnded: Promise<string>;
  /** Resolves once the guest has exited, with the reason. */
  ended: Promise<string>;
  /** Of a lab with a container runtime: URL at which the published port answers on this machine. */
  published?: { url: string };
  /** Stops the guest and thereby everything in it. */
  stop(): Promise<void>;
}

/** Boots the guest and waits until its pods have traffic. @throws Error if the guest ends first, after cleaning up */
export async function startLabNodeInGuest(options: LabGuestOptions): Promise<LabGuestNode> {
  const { lab, kind, runtime, rate, progress, counted, signal } = options;
  const token = randomBytes(32).toString('base64url');
  const hostPort = await freePort();
  const webPort = runtime === undefined ? undefined : await freePort();
  const ready = Promise.withResolvers<void>();
  const agentEnded = Promise.withResolvers<string>();
  const output = new PassThrough();
  createInterface({ input: output }).on('line', (line) => {
    const event = JSON.parse(line) as LabGuestEvent;
    if (event.type === 'ready') ready.resolve();
    else if (event.type === 'traffic') counted(event.apps);
    else if (event.type === 'agent') agentEnded.resolve(event.how);
    else progress(event.text);
  });

  progress('booting Linux with netkit in QEMU');
  await fillCompileCache(['server/main.ts', 'server/lab/main.ts'].map((program) => [program, '--help']));
  const guest = await bootGuest({
    command: [
      `exec node scripts/lab/lab-in-guest.ts --name ${lab} --port ${guestPort} --rate ${rate}`,
      ...(kind ? [`--kind ${kind}`] : []),
      ...(runtime ? [`--runtime ${runtime}`] : []),
    ].join(' '),
    cwd: root,
    env: { PODLANE_LAB_TOKEN: token, NODE_COMPILE_CACHE: compileCache },
    forward: [
      { hostPort, guestPort },
      ...(webPort === undefined ? [] : [{ hostPort: webPort, guestPort: publishedPort }]),
    ],
    onStdout: (chunk) => output.write(chunk),
    onStderr: (chunk) => process.stderr.write(chunk),
  });
  const ended = guest.exit.then(
    (code) => `ended with code ${code}`,
    (error: Error) => `ended: ${error.message}`,
  );
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  stopped.catch(() => {});
  const early = ended.then((how) => {
    throw new Error(`the guest ${how} before its pods talked`);
  });
  early.catch(() => {});
  try {
    signal.throwIfAborted();
    await Promise.race([ready.promise, early, stopped]);
  } catch (error) {
    await guest.stop();
    throw error;
  }
  return {
    agent: `http://127.0.0.1:${hostPort}`,
    token,
    agentEnded: agentEnded.promise,
    ended,
    ...(webPort === undefined ? {} : { published: { url: `http://127.0.0.1:${webPort}/` } }),
    stop: () => guest.stop(),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
