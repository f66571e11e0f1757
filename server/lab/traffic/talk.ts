import type { MessagePort } from 'node:worker_threads';
import { serverPort } from '../flows.ts';
import { sharedCounts } from './client.ts';
import { enterNetns } from './enter.ts';
import { type AddressedFlow, LoadGenerator } from './load.ts';
import { startServers } from './servers.ts';

/** What a thread gets when it starts. `flows` are those its pod is the client of. */
export interface ThreadData {
  netns: string;
  address: string;
  flows: AddressedFlow[];
  counts: SharedArrayBuffer;
}

export type ToThread =
  | { type: 'serve' }
  | { type: 'ask' }
  /** Share of the full load. */
  | { type: 'rate'; rate: number }
  /** Lets what is under way end. */
  | { type: 'hush'; withinMs: number }
  | { type: 'end' };

/** `joined`: every client was answered. `hushed`: no client has a socket any more. */
export type FromThread = { type: 'serving' | 'joined' | 'hushed' };

/** A pod's part in the traffic. Keeps its thread: every socket that it makes from now on belongs to the pod. */
export function runTrafficThread(main: MessagePort, { netns, address, flows, counts }: ThreadData): void {
  enterNetns(netns);
  const tell = (type: FromThread['type']) => main.postMessage({ type } satisfies FromThread);
  const load = new LoadGenerator();
  let stopServing = () => {};
  main.on('message', async (message: ToThread) => {
    switch (message.type) {
      case 'serve':
        stopServing = await startServers(address, serverPort);
        return tell('serving');
      case 'ask':
        return load.start(flows, sharedCounts(counts), () => tell('joined'));
      case 'rate':
        load.rate = message.rate;
        return;
      case 'hush':
        await load.hush(message.withinMs);
        return tell('hushed');
      case 'end':
        stopServing();
        main.close();
    }
  });
}
