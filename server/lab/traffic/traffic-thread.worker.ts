import { parentPort, workerData } from 'node:worker_threads';
import { type LabTrafficThreadData, runLabTrafficThread } from './traffic-thread.ts';

// Loaded in a main thread, it only fills the compile cache.
if (parentPort) runLabTrafficThread(parentPort, workerData as LabTrafficThreadData);
