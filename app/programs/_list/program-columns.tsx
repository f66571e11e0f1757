import Link from 'next/link';
import type { BpfProgram } from '../../../contract/program.ts';
import { NotAvailableNumber, SiNumber } from '../../_components/number-display.tsx';
import type { TableColumn } from '../../_components/table/table-column.ts';
import { formatClockTime, formatCount, formatPercent } from '../../_lib/format.ts';
import { AttachPointCell } from '../_components/attach-point-cell.tsx';
import { BpfOwnerLabel } from '../_components/bpf-owner-label.tsx';
import { formatBpfOwner, formatProgramName } from '../program-queries.ts';
import { programsText } from '../text.ts';
import type { ProgramSortKey } from './program-filter.ts';

const idle = programsText.noRuns;

export const programColumns: readonly TableColumn<BpfProgram, ProgramSortKey>[] = [
  {
    key: 'id',
    label: programsText.id,
    width: 'w-[74px]',
    from: 'max-md:hidden',
    align: 'right',
    sort: ({ id }) => id,
    cell: ({ id }) => <span className="code text-ink-2">{id}</span>,
  },
  {
    key: 'name',
    label: programsText.programColumn,
    width: 'w-[196px] max-md:w-auto',
    head: true,
    sort: formatProgramName,
    cell: (program) => (
      <Link
        href={`/programs/${program.id}`}
        prefetch={false}
        data-row-link
        title={formatProgramName(program)}
        className="code font-semibold after:absolute after:inset-0 focus-visible:outline-none"
      >
        {formatProgramName(program)}
      </Link>
    ),
  },
  {
    key: 'type',
    label: programsText.type,
    width: 'w-[118px]',
    from: 'max-md:hidden',
    sort: ({ type }) => type,
    cell: ({ type }) => <span className="code text-ink-2">{type}</span>,
  },
  {
    key: 'owner',
    label: programsText.owner,
    width: 'w-[172px]',
    from: 'max-lg:hidden',
    sort: ({ owner }) => formatBpfOwner(owner),
    cell: ({ owner }) => <BpfOwnerLabel owner={owner} />,
  },
  {
    key: 'attached',
    label: programsText.attachedAt,
    from: 'max-xl:hidden',
    sort: ({ attachments }) => attachments[0]?.hook ?? null,
    cell: (program) => <AttachPointCell program={program} />,
  },
  {
    key: 'loaded',
    label: programsText.loadedFact,
    width: 'w-[116px]',
    from: 'max-2xl:hidden',
    sort: ({ loadedAt }) => Date.parse(loadedAt),
    cell: ({ loadedAt }) => (
      <span className="text-ink-2 tabular-nums">{formatClockTime(Date.parse(loadedAt))}</span>
    ),
  },
  {
    key: 'instructions',
    label: programsText.insns,
    width: 'w-[66px]',
    from: 'max-lg:hidden',
    align: 'right',
    title: programsText.insnsTitle,
    sort: ({ instructions }) => instructions,
    cell: ({ instructions }) =>
      instructions === 0 ? (
        <NotAvailableNumber reason={programsText.notReported} slot={false} />
      ) : (
        <span className="tabular-nums">{formatCount(instructions)}</span>
      ),
  },
  {
    key: 'jited',
    label: programsText.jitedColumn,
    width: 'w-[80px]',
    from: 'max-2xl:hidden',
    align: 'slot',
    title: programsText.jitedTitle,
    sort: ({ jitedBytes }) => jitedBytes,
    cell: ({ jitedBytes }) => (
      <SiNumber value={jitedBytes === 0 ? Number.NaN : jitedBytes} unknown={programsText.notReported} />
    ),
  },
  {
    key: 'memory',
    label: programsText.memory,
    width: 'w-[84px]',
    from: 'max-lg:hidden',
    align: 'slot',
    title: programsText.memoryTitle,
    sort: ({ memoryBytes }) => memoryBytes,
    cell: ({ memoryBytes }) => (
      <SiNumber value={memoryBytes ?? Number.NaN} unknown={programsText.notReported} />
    ),
  },
  {
    key: 'runs',
    label: programsText.runsColumn,
    width: 'w-[84px] max-md:w-[76px]',
    align: 'slot',
    sort: ({ rate }) => rate?.runsPerSecond ?? null,
    cell: ({ rate }) => <SiNumber value={rate?.runsPerSecond ?? Number.NaN} unknown={idle} />,
  },
  {
    key: 'ns',
    label: programsText.nsColumn,
    width: 'w-[72px]',
    from: 'max-md:hidden',
    align: 'right',
    title: programsText.lastSecondTitle,
    sort: ({ rate }) => rate?.nsPerRun ?? null,
    cell: ({ rate }) => {
      const ns = rate?.nsPerRun ?? null;
      if (ns === null) return <NotAvailableNumber reason={idle} slot={false} />;
      return <span className="tabular-nums">{formatCount(ns)}</span>;
    },
  },
  {
    key: 'cpu',
    label: programsText.cpu,
    width: 'w-[98px] max-md:w-[92px]',
    align: 'right',
    title: programsText.coreShareTitle,
    sort: ({ rate }) => rate?.cpu ?? null,
    cell: ({ rate }) => <CpuShare share={rate?.cpu ?? Number.NaN} />,
  },
];

function CpuShare({ share }: { share: number }) {
  if (Number.isNaN(share)) return <NotAvailableNumber reason={idle} slot={false} />;
  return (
    <span className={`tabular-nums ${share === 0 ? 'text-muted' : ''}`}>
      {formatPercent(share)}
      <span className="pl-[3px] text-12 text-muted">%</span>
    </span>
  );
}
