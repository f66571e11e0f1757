import type { BpfOwner, Program, ProgramList } from '../../contract/program.ts';
import { answer, type Command } from '../command.ts';
import { table } from '../table.ts';

export const programs: Command = {
  name: 'programs',
  takes: [],
  text: 'lists the eBPF programs of the node, ours first',
  options: {},
  async run({ agent, json }) {
    const list = await agent.ask<ProgramList>('GET', '/programs');
    answer({ json }, list, ({ items, unread }) =>
      [
        table(
          ['ID', 'TYPE', 'NAME', 'WHOSE', 'INSNS', 'JITED', 'RUNS', 'NS/RUN', 'WHERE'],
          items.map((program) => [
            program.id,
            program.type,
            program.fullName ?? program.name,
            whose(program.owner),
            program.instructions,
            program.jitedBytes,
            program.runCount ?? '-',
            nsPerRun(program),
            where(program),
          ]),
        ),
        ...unread.map((sentence) => `not read: ${sentence}`),
      ].join('\n'),
    );
  },
};

const whose = (owner: BpfOwner): string =>
  owner.kind === 'ours'
    ? `ours: ${owner.what}`
    : owner.kind === 'process'
      ? `${owner.name} (${owner.pid})`
      : owner.kind === 'pin'
        ? owner.path
        : 'unknown';

const nsPerRun = ({ runCount, runTimeNs }: Program): string =>
  runCount && runTimeNs !== null ? (runTimeNs / runCount).toFixed(0) : '-';

function where({ attachments: [first], attachmentCount }: Program): string {
  if (!first) return '-';
  const more = attachmentCount > 1 ? ` and ${attachmentCount - 1} more` : '';
  return `${first.hook} ${first.target}${more}`;
}
