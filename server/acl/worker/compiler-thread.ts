import { parentPort, workerData } from 'node:worker_threads';
import { ProblemError } from '../../../contract/problem.ts';
import type { CompilerThreadData, RuleCompilerRequest, RuleCompilerResponse } from './compiler-client.ts';
import { RuleCompiler } from './rule-compiler.ts';

// Worker thread of `RuleCompilerClient`: serves its requests one after the other.
if (parentPort) {
  const port = parentPort;
  const compiler = new RuleCompiler();
  const { nodeAddresses, policies, peers } = workerData as CompilerThreadData;
  compiler.setNodeAddresses(nodeAddresses);
  compiler.setClusterPolicies(policies);
  compiler.changePeers(peers, []);
  port.on('message', ({ id, method, args }: RuleCompilerRequest) => {
    port.postMessage(respond(id, () => (compiler[method] as (...args: unknown[]) => unknown)(...args)));
  });
  const respond = (id: number, work: () => unknown): RuleCompilerResponse => {
    try {
      return { id, value: work() };
    } catch (error) {
      if (error instanceof ProblemError) return { id, problem: error.toProblem() };
      return { id, error };
    }
  };
}
