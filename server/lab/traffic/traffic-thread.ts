import type { MessagePort } from 'node:worker_threads';
import { labServerPort } from '../lab-flows.ts';
import { enterNetns } from './enter-netns.ts';
import { type AddressedLabFlow, LabLoadGenerator } from './load-generator.ts';
import { startLabTrafficServers } from './servers.ts';
import { openSharedRequestCounts } from './traffic-client.ts';

/** Start parameters of a traffic thread. `flows` are the flows whose client is the thread's pod. */
export interface LabTrafficThreadData {
  netns: string;
  address: string;
  flows: AddressedLabFlow[];
  counts: SharedArrayBuffer;
}

export type LabTrafficThreadCommand =
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
export type LabTrafficThreadEvent = { type: 'serving' | 'joined' | 'drained' };

/** Runs a pod's servers and clients in this thread, which enters the pod's network namespace. */
export function runLabTrafficThread(
  main: MessagePort,
  { netns, address, flows, counts }: LabTrafficThreadData,
): void {
  enterNetns(netns);
  const report = (type: LabTrafficThreadEvent['type']) =>
    main.postMessage({ type } satisfies LabTrafficThreadEvent);
  const load = new LabLoadGenerator();
  let stopServing = () => {};
  main.on('message', async (message: LabTrafficThreadCommand) => {
    switch (message.type) {
      case 'serve':
        stopServing = await startLabTrafficServers(address, labServerPort);
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
