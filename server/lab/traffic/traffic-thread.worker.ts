import { parentPort, workerData } from 'node:worker_threads';
import { runTrafficThread, type TrafficThreadData } from './traffic-thread.ts';

// Loaded in a main thread, it only fills the compile cache.
if (parentPort) runTrafficThread(parentPort, workerData as TrafficThreadData);
