import type { DumpContext } from '../dump-context.ts';

export async function collectLog({ files, agent }: DumpContext): Promise<void> {
  const wanted = {
    path: 'agent/log.jsonl',
    title: 'The agent’s last log lines, without secrets',
    command: 'what the agent wrote to standard error',
  };
  if (agent === null) return files.noteMissing(wanted, 'no agent answers');
  await files.add(wanted, () => {
    const { text, dropped } = agent.log();
    const problem = dropped === 0 ? null : `${dropped} older lines are no longer kept`;
    return { bytes: Buffer.from(text), problem };
  });
}
