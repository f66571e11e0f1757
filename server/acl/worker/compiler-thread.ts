import { parentPort } from 'node:worker_threads';
import { ProblemError } from '../../../contract/problem.ts';
import { Compiler } from './rule-compiler.ts';
import type { Answer, Call } from './compiler-client.ts';

// The thread of `RemoteCompiler`: answers its calls in their order.
if (parentPort) {
  const port = parentPort;
  const compiler = new Compiler();
  port.on('message', ({ id, method, args }: Call) => {
    port.postMessage(answer(id, () => (compiler[method] as (...args: unknown[]) => unknown)(...args)));
  });
  const answer = (id: number, work: () => unknown): Answer => {
    try {
      return { id, value: work() };
    } catch (error) {
      if (error instanceof ProblemError) return { id, problem: error.toProblem() };
      return { id, error };
    }
  };
}
