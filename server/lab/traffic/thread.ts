import { parentPort, workerData } from 'node:worker_threads';
import { type ThreadData, runTrafficThread } from './talk.ts';

// In a main thread there is nobody to talk for; loading it there fills the compile cache.
if (parentPort) runTrafficThread(parentPort, workerData as ThreadData);
