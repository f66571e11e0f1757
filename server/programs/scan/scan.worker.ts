import { parentPort } from 'node:worker_threads';
import type { ProgramInstructions } from '../../../contract/program.ts';
import { readInstructions } from './program-instructions.ts';
import { type NodeScan, type ScanRequest, scanNode } from './scan.ts';

export type ScanWorkerRequest = ScanRequest | { instructions: number };
export type ScanWorkerResponse =
  | { scan: NodeScan }
  | { instructions: ProgramInstructions | null }
  | { failed: string };

async function answer(question: ScanWorkerRequest): Promise<ScanWorkerResponse> {
  try {
    if ('instructions' in question) return { instructions: readInstructions(question.instructions) };
    return { scan: await scanNode(question) };
  } catch (error) {
    return { failed: (error as Error).message };
  }
}

// One question at a time. In a main thread nobody asks.
parentPort?.on('message', async (question: ScanWorkerRequest) =>
  parentPort!.postMessage(await answer(question)),
);
