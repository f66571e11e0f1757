import { parentPort } from 'node:worker_threads';
import type { ProgramInstructions } from '../../../contract/program.ts';
import type { NodeScan, NodeScanRequest } from './node-scan.ts';
import { readProgramInstructions } from './program-instructions.ts';
import { NodeScanner } from './scan-node.ts';

export type ScanWorkerRequest = NodeScanRequest | { instructions: number };
export type ScanWorkerResponse =
  | { scan: NodeScan }
  | { instructions: ProgramInstructions | null }
  | { failed: string };

const scanner = new NodeScanner();

async function respond(request: ScanWorkerRequest): Promise<ScanWorkerResponse> {
  try {
    if ('instructions' in request) return { instructions: readProgramInstructions(request.instructions) };
    return { scan: await scanner.scan(request) };
  } catch (error) {
    return { failed: (error as Error).message };
  }
}

// `BpfScanner` sends one request at a time. In the main thread there is no parent port.
const port = parentPort;
port?.on('message', (request: ScanWorkerRequest) => {
  // `respond` never rejects.
  void respond(request).then((response) => port.postMessage(response));
});
