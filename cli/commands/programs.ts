import type { BpfOwner, BpfProgram, ProgramList } from '../../contract/program.ts';
import { type CliCommand, printResult } from '../command.ts';
import { formatTextTable } from '../text-table.ts';

export const programsCommand: CliCommand = {
  name: 'programs',
  parameters: [],
  summary: 'lists the eBPF programs of the node, Podlane’s first',
  options: {},
  async run({ agent, json }) {
    const list = await agent.request<ProgramList>('GET', '/programs');
    printResult({ json }, list, ({ items, unread }) =>
      [
        formatTextTable(
          ['ID', 'TYPE', 'NAME', 'OWNER', 'INSNS', 'JITED', 'RUNS', 'NS/RUN', 'ATTACHED TO'],
          items.map((program) => [
            program.id,
            program.type,
            program.fullName ?? program.name,
            ownerText(program.owner),
            program.instructions,
            program.jitedBytes,
            program.runCount ?? '-',
            nsPerRun(program),
            attachmentText(program),
          ]),
        ),
        ...unread.map((sentence) => `not read: ${sentence}`),
      ].join('\n'),
    );
  },
};

const ownerText = (owner: BpfOwner): string =>
  owner.kind === 'podlane'
    ? `podlane: ${owner.what}`
    : owner.kind === 'process'
      ? `${owner.name} (${owner.pid})`
      : owner.kind === 'pin'
        ? owner.path
        : 'unknown';

const nsPerRun = ({ runCount, runTimeNs }: BpfProgram): string =>
  runCount && runTimeNs !== null ? (runTimeNs / runCount).toFixed(0) : '-';

function attachmentText({ attachments: [first], attachmentCount }: BpfProgram): string {
  if (!first) return '-';
  const more = attachmentCount > 1 ? ` and ${attachmentCount - 1} more` : '';
  return `${first.hook} ${first.target}${more}`;
}
