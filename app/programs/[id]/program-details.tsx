'use client';

import Link from 'next/link';
import type { ReactNode } from 'react';
import type { BpfMap } from '../../../contract/bpf-map.ts';
import type { BpfProgram } from '../../../contract/program.ts';
import { CopyButton } from '../../_components/copy-button.tsx';
import { formatByteSize, formatCount, formatDuration } from '../../_lib/format.ts';
import { LabeledDetail, LabeledDetailList } from '../_components/labeled-detail-list.tsx';
import { useBpfMaps } from '../maps/map-queries.ts';
import { programsText } from '../text.ts';

const untold = programsText.notReported;

/** Shows what the kernel reports about a program, and the maps that the program uses. */
export function ProgramDetails({ program }: { program: BpfProgram }) {
  const { runTimeNs, recursionMisses: misses, verifiedInstructions: verified, holders } = program;
  return (
    <>
      <LabeledDetailList label={programsText.program}>
        <LabeledDetail
          label={programsText.instructionsLabel}
          unknown={program.instructions === 0 ? untold : null}
        >
          {programsText.instructionsTranslated(formatCount(program.instructions))}
        </LabeledDetail>
        <LabeledDetail label={programsText.machineCode} unknown={program.jitedBytes === 0 ? untold : null}>
          {formatByteSize(program.jitedBytes)}
        </LabeledDetail>
        <LabeledDetail label={programsText.verified} unknown={verified === null ? untold : null}>
          {programsText.insnsProcessed(formatCount(verified ?? 0))}
        </LabeledDetail>
        <LabeledDetail label={programsText.memory} unknown={program.memoryBytes === null ? untold : null}>
          {programsText.memoryWithoutMaps(formatByteSize(program.memoryBytes ?? 0))}
        </LabeledDetail>
        <LabeledDetail
          label={programsText.runTime}
          unknown={runTimeNs === null ? programsText.statsNeverEnabled : null}
        >
          {programsText.runTimeCounted(formatDuration((runTimeNs ?? 0) / 1e6))}
        </LabeledDetail>
        <LabeledDetail label={programsText.recursionMissesLabel} unknown={misses === null ? untold : null}>
          <span className={misses === 0 ? 'text-muted' : ''}>{formatCount(misses ?? 0)}</span>{' '}
          {programsText.recursionMisses}
        </LabeledDetail>
        <LabeledDetail label={programsText.loadedBy}>uid {program.uid}</LabeledDetail>
        <LabeledDetail label={programsText.license}>
          {program.gpl ? programsText.gplCompatible : programsText.notGplCompatible}
        </LabeledDetail>
        <LabeledDetail label={programsText.btf} unknown={program.btfId === null ? programsText.noBtf : null}>
          id {program.btfId}
        </LabeledDetail>
        <LabeledDetail
          label={programsText.heldBy}
          unknown={holders.length === 0 ? programsText.noHolder : null}
        >
          {holders.map(({ pid, name }) => `${name} (${pid})`).join(', ')}
        </LabeledDetail>
        <Pins paths={program.pins} />
      </LabeledDetailList>
      <Maps ids={program.mapIds} />
    </>
  );
}

/** Lists the paths at which a program is pinned. */
function Pins({ paths }: { paths: readonly string[] }) {
  return (
    <LabeledDetail label={programsText.pinnedAt} unknown={paths.length === 0 ? programsText.notPinned : null}>
      {paths.map((path) => (
        <span key={path} className="flex items-center gap-1">
          <span className="code min-w-0 [overflow-wrap:anywhere]">{path}</span>
          <CopyButton text={path} what={programsText.copyPath} className="-my-1 size-6! text-muted" />
        </span>
      ))}
    </LabeledDetail>
  );
}

function Maps({ ids }: { ids: readonly number[] }) {
  const { data: maps } = useBpfMaps();
  return (
    <section aria-labelledby="used-maps" className="mt-4">
      <h2 id="used-maps" className="flex min-h-8 items-center gap-3 font-semibold">
        {programsText.maps}
        <span className="font-normal text-12 text-muted">{programsText.mapsUsed(ids.length)}</span>
      </h2>
      <ul className="border-line-2 border-t">
        {ids.map((id) => (
          <MapLine key={id} id={id} map={maps?.find((map) => map.id === id)} />
        ))}
        {ids.length === 0 && <Line>{programsText.noMapsUsed}</Line>}
      </ul>
    </section>
  );
}

function MapLine({ id, map }: { id: number; map: BpfMap | undefined }) {
  return (
    <Line>
      <Link
        href={`/programs/maps/${id}`}
        prefetch={false}
        className="code link min-w-0 truncate font-semibold"
      >
        {map === undefined || map.name === '' ? `#${id}` : map.name}
      </Link>
      {map !== undefined && (
        <>
          <span className="code text-muted">{map.type}</span>
          <span className="flex-1" />
          <span className="whitespace-nowrap text-12 text-muted tabular-nums">
            {formatCount(map.maxEntries)} × {formatCount(map.keyBytes + map.valueBytes)} B
          </span>
        </>
      )}
    </Line>
  );
}

const Line = ({ children }: { children: ReactNode }) => (
  <li className="flex h-7 items-center gap-2 border-line-1 border-b text-ink-2">{children}</li>
);
