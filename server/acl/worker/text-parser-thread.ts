import { parentPort } from 'node:worker_threads';
import { ProblemError } from '../../../contract/problem.ts';
import { parseSubmittedText, type SubmittedText } from './parsed-text.ts';
import { type ImportedText, RuleCompiler } from './rule-compiler.ts';
import type { ImportContext, TextParserRequest, TextParserResponse } from './text-parser-messages.ts';

// Worker thread of `TextParser`: parses one text at a time, and is ended when nobody waits for it any more.
if (parentPort) {
  const port = parentPort;
  const respond = (request: TextParserRequest): TextParserResponse => {
    const { method, submitted } = request;
    try {
      return {
        value: method === 'import' ? importText(submitted, request.context) : parseSubmittedText(submitted),
      };
    } catch (error) {
      if (error instanceof ProblemError) return { problem: error.toProblem() };
      return { error };
    }
  };
  port.on('message', (request: TextParserRequest) => port.postMessage(respond(request)));
}

function importText(
  submitted: SubmittedText,
  { pods, nodeAddresses, cluster, active }: ImportContext,
): ImportedText {
  const { text, parsed } = parseSubmittedText(submitted);
  const compiler = new RuleCompiler();
  compiler.setNodeAddresses(nodeAddresses);
  compiler.setClusterPolicies(cluster.policies);
  compiler.changePeers(cluster.peers, []);
  compiler.remember(text, parsed);
  return compiler.import(text, pods, active);
}
