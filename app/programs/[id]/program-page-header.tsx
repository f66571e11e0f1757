import type { ReactNode } from 'react';
import type { BpfProgram } from '../../../contract/program.ts';
import { CopyButton } from '../../_components/copy-button.tsx';
import { LabeledFact, LabeledFactList } from '../../_components/labeled-fact.tsx';
import { LargeNumber } from '../../_components/number-display.tsx';
import { formatClockTime, formatCount, formatPercent } from '../../_lib/format.ts';
import { BpfObjectHeaderTitle } from '../_components/bpf-object-header-title.tsx';
import { BpfOwnerLabel } from '../_components/bpf-owner-label.tsx';
import { formatProgramName } from '../program-queries.ts';
import { programsText } from '../text.ts';

/** Header of a program's page: identity, owner and run stats. */
export function ProgramPageHeader({ program, gone }: { program: BpfProgram; gone: boolean }) {
  const { rate } = program;
  return (
    <header className="flex items-center gap-x-8 gap-y-2 border-line-1 border-b px-(--gutter) py-3 max-lg:flex-col max-lg:items-stretch">
      <div className="min-w-0 flex-1">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <BpfObjectHeaderTitle
            name={formatProgramName(program)}
            type={program.type}
            gone={gone ? 'unloaded' : null}
          />
        </div>
        <div className="mt-1">
          <LabeledFactList>
            <LabeledFact label={programsText.id}>{program.id}</LabeledFact>
            <LabeledFact label={programsText.owner}>
              <BpfOwnerLabel owner={program.owner} />
            </LabeledFact>
            <LabeledFact label={programsText.loadedFact}>
              {formatClockTime(Date.parse(program.loadedAt))}
            </LabeledFact>
            <LabeledFact label={programsText.tag} title={programsText.tagTitle}>
              <span className="inline-flex items-center gap-1">
                <span className="code">{program.tag}</span>
                <CopyButton
                  text={program.tag}
                  what={programsText.copyTag}
                  className="-my-1 size-6! text-muted"
                />
              </span>
            </LabeledFact>
          </LabeledFactList>
        </div>
      </div>
      <div className="flex gap-x-8 gap-y-1 max-md:grid max-md:grid-cols-2">
        <Item
          label={program.runCount === null ? 'runs' : programsText.runsCounted(formatCount(program.runCount))}
        >
          <LargeNumber value={rate?.runsPerSecond ?? Number.NaN} unit="/s" />
        </Item>
        <Item label={programsText.lastSecond}>
          <LargeNumber
            value={rate?.nsPerRun ?? Number.NaN}
            unit="ns/run"
            format={(value) => formatCount(value)}
          />
        </Item>
        <Item label={programsText.coreShare}>
          <LargeNumber value={rate?.cpu ?? Number.NaN} unit="%" format={formatPercent} />
        </Item>
      </div>
    </header>
  );
}

function Item({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <div className="whitespace-nowrap text-12 text-muted tabular-nums">{label}</div>
      {children}
    </div>
  );
}
