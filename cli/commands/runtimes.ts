import type { RuntimeList } from '../../contract/observed-pod.ts';
import { type CliCommand, printResult } from '../command.ts';
import { formatRuntimes } from '../format-observed-pods.ts';

export const runtimesCommand: CliCommand = {
  name: 'runtimes',
  parameters: [],
  summary: 'lists the container runtimes of the node, and whether they answer',
  options: {},
  async run({ agent, json }) {
    const { items } = await agent.request<RuntimeList>('GET', '/runtimes');
    printResult({ json }, items, formatRuntimes);
  },
};
