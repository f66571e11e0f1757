import { parentPort, workerData } from 'node:worker_threads';
import { type ThreadData, talk } from './talk.ts';

// In a main thread there is nobody to talk for; loading it there fills the compile cache.
if (parentPort) talk(parentPort, workerData as ThreadData);
