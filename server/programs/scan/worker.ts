import { parentPort } from 'node:worker_threads';
import { type ScanRequest, scan } from './scan.ts';

/** Answers each request with a scan, or with why there is none. In a main thread nobody asks. */
parentPort?.on('message', async (request: ScanRequest) => {
  try {
    parentPort!.postMessage({ scan: await scan(request) });
  } catch (error) {
    parentPort!.postMessage({ failed: (error as Error).message });
  }
});
