'use client';

import Link from 'next/link';
import type { AttachedProgram } from '../../../../contract/device.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { deviceKindColorClass } from '../../../_components/device-kind.tsx';
import { NotAvailableNumber, SiNumber } from '../../../_components/number-display.tsx';
import { formatClockTime, formatCount, formatPercent } from '../../../_lib/format.ts';
import { getHookDirection } from '../_path/hook-direction.ts';
import type { PathDiagramData } from '../_path/path-diagram-types.ts';
import { computeProgramRunRate } from '../_path/program-rates.ts';
import { HooksSection } from './hooks-section.tsx';
import { formatAttachedProgramCount, podProgramsText } from './text.ts';

const head = 'h-6 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted first:pl-0 last:pr-0';
const cell = 'h-7 truncate border-line-1 border-b px-2 first:pl-0 last:pr-0';
const wide = 'max-md:hidden';

/** Table of the programs on a pod's device with their cost for this pod. */
export function PodProgramsTable({ pod, view }: { pod: Pod; view: PathDiagramData | null }) {
  const programs = pod.device?.programs ?? [];
  const ours = programs.filter((program) => program.ours).length;
  return (
    <section aria-labelledby="programs" className="min-w-0">
      <div className="flex min-h-8 flex-wrap items-center gap-x-3">
        <h2 id="programs" className="font-semibold">
          {podProgramsText.title}
        </h2>
        <span className="text-12 text-muted">
          {formatAttachedProgramCount(programs.length, programs.length - ours)}
        </span>
        <HooksSection pod={pod} />
      </div>
      <table className="w-full table-fixed border-separate border-spacing-0">
        <thead>
          <tr>
            <th scope="col" className={`${head} w-29`}>
              {podProgramsText.hook}
            </th>
            <th scope="col" className={`${head} max-md:px-0`}>
              {podProgramsText.program}
            </th>
            <th scope="col" className={`${head} ${wide} w-13 text-right`}>
              {podProgramsText.id}
            </th>
            <th scope="col" className={`${head} ${wide} w-23`}>
              {podProgramsText.tag}
            </th>
            <th
              scope="col"
              className={`${head} w-20 pr-[21px] text-right max-md:w-17`}
              title={podProgramsText.runsDetail}
            >
              {podProgramsText.runs}
            </th>
            <th
              scope="col"
              className={`${head} w-16 text-right max-md:w-14`}
              title={podProgramsText.nsPerRunDetail}
            >
              {podProgramsText.nsPerRun}
            </th>
            <th scope="col" className={`${head} ${wide} w-18 text-right`} title={podProgramsText.coreDetail}>
              {podProgramsText.core}
            </th>
            <th
              scope="col"
              className={`${head} ${wide} w-19 text-right`}
              title={podProgramsText.verifiedDetail}
            >
              {podProgramsText.verified}
            </th>
            <th scope="col" className={`${head} ${wide} w-29`}>
              {podProgramsText.loaded}
            </th>
          </tr>
        </thead>
        <tbody>
          {programs.map((program) => (
            <Row key={`${program.hook} ${program.id}`} program={program} pod={pod} view={view} />
          ))}
          {programs.length === 0 && (
            <tr>
              <td colSpan={9} className={`${cell} text-ink-2`}>
                {pod.device === null ? podProgramsText.noDevice : podProgramsText.noProgram}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </section>
  );
}

function Row({ program, pod, view }: { program: AttachedProgram; pod: Pod; view: PathDiagramData | null }) {
  const live = view?.nsPerRun.get(program.id) ?? null;
  const ns = live ?? program.nsPerRun;
  const rates = view?.rates ?? null;
  const runs =
    program.ours && rates !== null ? computeProgramRunRate(rates, getHookDirection(program.hook)) : null;
  const scope = program.ours
    ? deviceKindColorClass(pod.device?.kind ?? pod.kind)
    : deviceKindColorClass('observed');
  const unknown = program.ours ? podProgramsText.noSample : podProgramsText.notOurs;
  return (
    <tr className={`${scope} hover:[&>td]:bg-surface-2`}>
      <td className={`${cell} code text-kind-text`}>{program.hook}</td>
      <td className={`${cell} code font-semibold max-md:px-0 max-md:text-11`} title={program.name}>
        <Link href={`/programs/${program.id}`} prefetch={false} className="hover:underline">
          {program.name}
        </Link>
      </td>
      <td className={`${cell} ${wide} code text-right text-ink-2`}>{program.id}</td>
      <td className={`${cell} ${wide} code text-muted`} title={program.tag}>
        {program.tag.slice(0, 8)}
      </td>
      <td className={`${cell} text-right`}>
        <SiNumber value={runs ?? Number.NaN} unknown={unknown} />
      </td>
      <td
        className={`${cell} text-right tabular-nums`}
        title={live === null ? podProgramsText.meanSinceLoad : undefined}
      >
        {ns === null ? (
          <NotAvailableNumber reason={podProgramsText.noStatistics} slot={false} />
        ) : (
          formatCount(ns)
        )}
      </td>
      <td className={`${cell} ${wide} text-right tabular-nums`}>
        {ns === null || runs === null ? (
          <NotAvailableNumber reason={runs === null ? unknown : podProgramsText.noStatistics} slot={false} />
        ) : (
          <>
            {formatPercent((ns * runs) / 1e9)}
            <span className="pl-[3px] text-12 text-muted">%</span>
          </>
        )}
      </td>
      <td className={`${cell} ${wide} text-right text-ink-2 tabular-nums`}>
        {program.verifiedInstructions === null ? (
          <NotAvailableNumber reason={podProgramsText.notReported} slot={false} />
        ) : (
          formatCount(program.verifiedInstructions)
        )}
      </td>
      <td className={`${cell} ${wide} text-ink-2 tabular-nums`}>
        {program.loadedAt === null ? (
          <NotAvailableNumber reason={podProgramsText.notReported} slot={false} />
        ) : (
          formatClockTime(Date.parse(program.loadedAt))
        )}
      </td>
    </tr>
  );
}
