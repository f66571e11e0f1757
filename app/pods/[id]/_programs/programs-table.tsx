'use client';

import Link from 'next/link';
import type { AttachedProgram } from '../../../../contract/device.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { kindScope } from '../../../_components/kind.tsx';
import { NotAvailable, SiNumber } from '../../../_components/number.tsx';
import { clock, count, percent } from '../../../_lib/format.ts';
import { hookDirection } from '../_path/hook-direction.ts';
import { type PathView, programRuns } from '../_path/path-view.ts';
import { AttachPoint } from './attach-point.tsx';

const head = 'h-6 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted first:pl-0 last:pr-0';
const cell = 'h-7 truncate border-line-1 border-b px-2 first:pl-0 last:pr-0';
const wide = 'max-md:hidden';

/** What is attached to the pod's device, and what each program costs this pod. */
export function ProgramsTable({ pod, view }: { pod: Pod; view: PathView | null }) {
  const programs = pod.device?.programs ?? [];
  const ours = programs.filter((program) => program.ours).length;
  return (
    <section aria-labelledby="programs" className="min-w-0">
      <div className="flex min-h-8 flex-wrap items-center gap-x-3">
        <h2 id="programs" className="font-semibold">
          Programs
        </h2>
        <span className="text-12 text-muted">
          {programs.length} attached
          {programs.length > ours && `, ${programs.length - ours} not Podlane’s`}
        </span>
        <AttachPoint pod={pod} />
      </div>
      <table className="w-full table-fixed border-separate border-spacing-0">
        <thead>
          <tr>
            <th scope="col" className={`${head} w-29`}>
              hook
            </th>
            <th scope="col" className={`${head} max-md:px-0`}>
              program
            </th>
            <th scope="col" className={`${head} ${wide} w-13 text-right`}>
              id
            </th>
            <th scope="col" className={`${head} ${wide} w-23`}>
              tag
            </th>
            <th scope="col" className={`${head} w-20 pr-[21px] text-right max-md:w-17`} title="For this pod">
              runs/s
            </th>
            <th
              scope="col"
              className={`${head} w-16 text-right max-md:w-14`}
              title="Mean of the last second, over the whole node"
            >
              ns/run
            </th>
            <th
              scope="col"
              className={`${head} ${wide} w-18 text-right`}
              title="Share of one core: this pod’s runs × the mean time of a run"
            >
              core
            </th>
            <th
              scope="col"
              className={`${head} ${wide} w-19 text-right`}
              title="Instructions the verifier walked"
            >
              verified
            </th>
            <th scope="col" className={`${head} ${wide} w-29`}>
              loaded
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
                {pod.device === null ? 'No device, so nothing to attach to.' : 'No program is attached.'}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </section>
  );
}

function Row({ program, pod, view }: { program: AttachedProgram; pod: Pod; view: PathView | null }) {
  const live = view?.nsPerRun.get(program.id) ?? null;
  const ns = live ?? program.nsPerRun;
  const rates = view?.rates ?? null;
  const runs = program.ours && rates !== null ? programRuns(rates, hookDirection(program.hook)) : null;
  const scope = program.ours ? kindScope(pod.device?.kind ?? pod.kind) : kindScope('observed');
  const unknown = program.ours ? 'no sample yet' : 'not Podlane’s: its runs for this pod are not counted';
  const noStatistics = 'BPF statistics are off, or it has not run yet';
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
        title={live === null ? 'mean since it was loaded' : undefined}
      >
        {ns === null ? <NotAvailable reason={noStatistics} slot={false} /> : count(ns)}
      </td>
      <td className={`${cell} ${wide} text-right tabular-nums`}>
        {ns === null || runs === null ? (
          <NotAvailable reason={runs === null ? unknown : noStatistics} slot={false} />
        ) : (
          <>
            {percent((ns * runs) / 1e9)}
            <span className="pl-[3px] text-12 text-muted">%</span>
          </>
        )}
      </td>
      <td className={`${cell} ${wide} text-right text-ink-2 tabular-nums`}>
        {program.verifiedInstructions === null ? (
          <NotAvailable reason="this kernel does not tell" slot={false} />
        ) : (
          count(program.verifiedInstructions)
        )}
      </td>
      <td className={`${cell} ${wide} text-ink-2 tabular-nums`}>
        {program.loadedAt === null ? (
          <NotAvailable reason="this kernel does not tell" slot={false} />
        ) : (
          clock(Date.parse(program.loadedAt))
        )}
      </td>
    </tr>
  );
}
