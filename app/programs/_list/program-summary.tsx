import type { ReactNode } from 'react';
import type { BpfProgram } from '../../../contract/program.ts';
import { LargeNumber } from '../../_components/number-display.tsx';
import { formatPercent } from '../../_lib/format.ts';
import { programsText } from '../text.ts';
import { countProgramFacets } from './program-filter.ts';

/** Shows the number of all programs on the node and their total cost. */
export function ProgramSummary({
  programs,
  stale,
}: {
  programs: readonly BpfProgram[] | null;
  stale: boolean;
}) {
  const facets = countProgramFacets(programs ?? []);
  const sum = (of: (program: BpfProgram) => number | null | undefined) =>
    programs === null ? Number.NaN : programs.reduce((total, program) => total + (of(program) ?? 0), 0);
  const counted = programs?.some(({ rate }) => rate !== null) === true;
  const rate = (of: (program: BpfProgram) => number | undefined) => (counted ? sum(of) : Number.NaN);
  const own = programs?.filter(({ owner }) => owner.kind === 'podlane') ?? [];
  const ownCpu = own.reduce((total, program) => total + (program.rate?.cpu ?? 0), 0);
  return (
    <section
      aria-label={programsText.summaryTitle}
      className={`grid grid-cols-4 border-line-1 border-b px-(--gutter) max-lg:grid-cols-2 max-lg:gap-x-4 max-lg:py-2 ${stale ? '[&_*]:text-muted' : ''}`}
    >
      <Item label={programs === null ? 'programs' : programsText.ownerCounts(facets.podlane, facets.foreign)}>
        <LargeNumber value={programs?.length ?? Number.NaN} unit="programs" />
      </Item>
      <Item label={programsText.totalRuns}>
        <LargeNumber value={rate((program) => program.rate?.runsPerSecond)} unit="/s" />
      </Item>
      <Item label={counted ? programsText.coreShareOwn(formatPercent(ownCpu)) : programsText.coreShare}>
        <LargeNumber value={rate((program) => program.rate?.cpu)} unit="%" format={formatPercent} />
      </Item>
      <Item label={programsText.memoryMapsExcluded}>
        <LargeNumber value={sum((program) => program.memoryBytes)} unit="B" />
      </Item>
    </section>
  );
}

function Item({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="min-w-0 border-line-1 border-l px-5 py-3 first:border-0 first:pl-0 max-lg:border-0 max-lg:px-0 max-lg:py-1">
      <div className="whitespace-nowrap text-12 text-muted tabular-nums">{label}</div>
      {children}
    </div>
  );
}
