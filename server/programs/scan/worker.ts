import { parentPort } from 'node:worker_threads';
import type { ProgramInstructions } from '../../../contract/program.ts';
import { readInstructions } from './instructions.ts';
import { type Scan, type ScanRequest, scan } from './scan.ts';

export type ScanQuestion = ScanRequest | { instructions: number };
export type ScanAnswer = { scan: Scan } | { instructions: ProgramInstructions | null } | { failed: string };

async function answer(question: ScanQuestion): Promise<ScanAnswer> {
  try {
    if ('instructions' in question) return { instructions: readInstructions(question.instructions) };
    return { scan: await scan(question) };
  } catch (error) {
    return { failed: (error as Error).message };
  }
}

// One question at a time. In a main thread nobody asks.
parentPort?.on('message', async (question: ScanQuestion) => parentPort!.postMessage(await answer(question)));
