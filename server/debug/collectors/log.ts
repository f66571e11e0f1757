import type { DebugDumpContext } from '../dump-context.ts';

/** Collects the last lines of the agent's log. */
export async function collectAgentLog({ files, agent }: DebugDumpContext): Promise<void> {
  const wanted = {
    path: 'agent/log.jsonl',
    title: 'Last log lines of the agent, without secrets',
    command: 'standard error of the agent',
  };
  if (agent === null) return files.noteMissing(wanted, 'no agent responds');
  await files.add(wanted, () => {
    const { text, dropped } = agent.log();
    const problem = dropped === 0 ? null : `${dropped} older lines were evicted`;
    return { bytes: Buffer.from(text), problem };
  });
}
