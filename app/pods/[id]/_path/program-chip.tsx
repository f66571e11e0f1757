import type { CSSProperties } from 'react';
import type { AttachedProgram } from '../../../../contract/device.ts';
import { formatCount, formatPercent, formatQuantity, widenNarrowSpaces } from '../../../_lib/format.ts';
import { focusableRegionProps } from '../focusable-region.ts';
import { LiveNumber } from './live-number.tsx';
import css from './path.module.css';
import type { ProgramVerdictShares } from './program-rates.ts';
import { formatProgramCostDetail, pathText } from './text.ts';

/** Shows a program on a hook with its runs for this pod, its cost and its verdicts. */
export function ProgramChip(props: {
  hook: string;
  program: AttachedProgram;
  /** Runs of the program per second for this pod; null if unknown. */
  runs: number | null;
  /** Mean run time in ns over the last second, for the whole node; null if unknown. */
  ns: number | null;
  verdicts: ProgramVerdictShares | null;
  style?: CSSProperties;
}) {
  const { hook, program, ns } = props;
  const runs = program.ours ? props.runs : null;
  const verdicts = program.ours ? props.verdicts : null;
  const cost = ns ?? program.nsPerRun;
  return (
    <div className={css.chip} {...focusableRegionProps(`${hook}, ${program.name}`)} style={props.style}>
      <div className={css.top}>
        <span className="code text-kind-text">{hook}</span>
        <span className="flex gap-2">
          <span title={cost === null ? pathText.noStatistics : formatProgramCostDetail(program, ns !== null)}>
            <span className="text-ink-2">{cost === null ? 'n/a' : formatCount(cost)}</span> ns/run
          </span>
          <span className="code">id {program.id}</span>
        </span>
      </div>
      <div className={css.middle}>
        <span className={css.name}>{program.name}</span>
        <span>
          <LiveNumber
            value={runs}
            unit="runs/s"
            reason={program.ours ? pathText.noSample : pathText.notOurs}
          />
        </span>
      </div>
      <VerdictBar verdicts={verdicts} />
      <div className={css.legend}>
        <Verdict verdicts={verdicts} reason={program.ours ? pathText.noSample : pathText.notOurs} />
      </div>
    </div>
  );
}

/** Formats a share as a whole percentage, or with more digits below 10 %. */
const shareText = (share: number): string =>
  share >= 0.1 ? `${Math.round(share * 100)}` : formatPercent(share);

function VerdictBar({ verdicts }: { verdicts: ProgramVerdictShares | null }) {
  if (verdicts === null) return <div className={css.verdict} data-empty="" />;
  const { pass, redirect, drop } = verdicts;
  return (
    <div className={css.verdict}>
      {redirect > 0 && <i style={{ flex: redirect, background: 'var(--k)' }} />}
      {pass > 0 && <i style={{ flex: pass, background: redirect > 0 ? 'var(--text-muted)' : 'var(--k)' }} />}
      {drop > 0 && <i style={{ flex: drop, background: 'var(--signal)' }} />}
    </div>
  );
}

function Verdict({ verdicts, reason }: { verdicts: ProgramVerdictShares | null; reason: string }) {
  if (verdicts === null)
    return (
      <span title={reason}>
        <em>{pathText.verdicts}</em>
        {pathText.unknown}
      </span>
    );
  const { pass, redirect, dropsPerSecond } = verdicts;
  return (
    <>
      {redirect > 0 && (
        <span>
          <em>{pathText.redirected}</em>
          {shareText(redirect)} %
        </span>
      )}
      <span>
        <em>{pathText.passed}</em>
        {shareText(pass)} %
      </span>
      <span className={dropsPerSecond > 0 ? 'text-signal-text' : ''}>
        <em>{pathText.dropped}</em>
        {widenNarrowSpaces(formatQuantity(dropsPerSecond))}/s
      </span>
    </>
  );
}
