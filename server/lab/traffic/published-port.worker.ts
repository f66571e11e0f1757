import { isMainThread, workerData } from 'node:worker_threads';
import { enterNetns } from './enter-netns.ts';
import { type PublishedPortThreadData, requestPublishedPort } from './published-port-client.ts';

// Loaded in a main thread, it only fills the compile cache.
if (!isMainThread) {
  const data = workerData as PublishedPortThreadData;
  enterNetns(data.netns);
  requestPublishedPort(data);
}
