import type { MessagePort } from 'node:worker_threads';
import { labServerPort } from '../flows.ts';
import { enterNetns } from './enter-netns.ts';
import { type AddressedLabFlow, LoadGenerator } from './load-generator.ts';
import { startTrafficServers } from './servers.ts';
import { openSharedRequestCounts } from './traffic-client.ts';

/** Start parameters of a traffic thread. `flows` are the flows whose client is the thread's pod. */
export interface TrafficThreadData {
  netns: string;
  address: string;
  flows: AddressedLabFlow[];
  counts: SharedArrayBuffer;
}

export type TrafficThreadCommand =
  | { type: 'serve' }
  | { type: 'start' }
  /** Sets the load, as a fraction of the full load. */
  | { type: 'rate'; rate: number }
  /** Stops sending requests and waits for pending replies. */
  | { type: 'drain'; timeoutMs: number }
  | { type: 'end' };

/**
 * Event of a traffic thread. `joined`: every client has got a reply. `drained`: every client has closed its sockets.
 */
export type TrafficThreadEvent = { type: 'serving' | 'joined' | 'drained' };

/** Runs a pod's servers and clients in this thread, which enters the pod's network namespace. */
export function runTrafficThread(
  main: MessagePort,
  { netns, address, flows, counts }: TrafficThreadData,
): void {
  enterNetns(netns);
  const report = (type: TrafficThreadEvent['type']) =>
    main.postMessage({ type } satisfies TrafficThreadEvent);
  const load = new LoadGenerator();
  let stopServing = () => {};
  main.on('message', async (message: TrafficThreadCommand) => {
    switch (message.type) {
      case 'serve':
        stopServing = await startTrafficServers(address, labServerPort);
        return report('serving');
      case 'start':
        return load.start(flows, openSharedRequestCounts(counts), () => report('joined'));
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
