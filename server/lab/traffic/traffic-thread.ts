import type { MessagePort } from 'node:worker_threads';
import { serverPort } from '../flows.ts';
import { enterNetns } from './enter-netns.ts';
import { type AddressedFlow, LoadGenerator } from './load-generator.ts';
import { startServers } from './servers.ts';
import { sharedCounts } from './traffic-client.ts';

/** Start parameters of a thread. `flows` are those of which its pod is the client. */
export interface ThreadData {
  netns: string;
  address: string;
  flows: AddressedFlow[];
  counts: SharedArrayBuffer;
}

export type ToThread =
  | { type: 'serve' }
  | { type: 'start' }
  /** Factor of the full load. */
  | { type: 'rate'; rate: number }
  /** Sends no more requests and waits for pending replies. */
  | { type: 'drain'; timeoutMs: number }
  | { type: 'end' };

/** `joined`: every client has a reply. `drained`: every client has closed its sockets. */
export type FromThread = { type: 'serving' | 'joined' | 'drained' };

/** Runs a pod's servers and clients in this thread, which enters the pod's network namespace. */
export function runTrafficThread(main: MessagePort, { netns, address, flows, counts }: ThreadData): void {
  enterNetns(netns);
  const report = (type: FromThread['type']) => main.postMessage({ type } satisfies FromThread);
  const load = new LoadGenerator();
  let stopServing = () => {};
  main.on('message', async (message: ToThread) => {
    switch (message.type) {
      case 'serve':
        stopServing = await startServers(address, serverPort);
        return report('serving');
      case 'start':
        return load.start(flows, sharedCounts(counts), () => report('joined'));
      case 'rate':
        load.rate = message.rate;
        return;
      case 'drain':
        await load.drain(message.timeoutMs);
        return report('drained');
      case 'end':
        stopServing();
        main.close();
    }
  });
}
