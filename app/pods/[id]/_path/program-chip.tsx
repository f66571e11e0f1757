import type { CSSProperties } from 'react';
import type { AttachedProgram } from '../../../../contract/device.ts';
import { count, percent, quantity, withFullSpaces } from '../../../_lib/format.ts';
import { focusableRegion } from '../focusable-region.ts';
import { Figure } from './figure.tsx';
import css from './path.module.css';
import type { VerdictShares } from './path-view.ts';

const notOurs = 'This program is not Podlane’s: how often it ran for this pod is not counted';
const noSample = 'No sample of this pod yet';
const noStatistics = 'The kernel’s BPF statistics are off, or the program has not run yet';

/** One program on a hook: what it is, how often it ran for this pod, what it cost and what it decided. */
export function ProgramChip(props: {
  hook: string;
  program: AttachedProgram;
  /** Runs for this pod per second; null when not known. */
  runs: number | null;
  /** ns per run over the last second, on the whole node. */
  ns: number | null;
  verdicts: VerdictShares | null;
  style?: CSSProperties;
}) {
  const { hook, program, ns } = props;
  const runs = program.ours ? props.runs : null;
  const verdicts = program.ours ? props.verdicts : null;
  const cost = ns ?? program.nsPerRun;
  return (
    <div className={css.chip} {...focusableRegion(`${hook}, ${program.name}`)} style={props.style}>
      <div className={css.top}>
        <span className="code text-kind-text">{hook}</span>
        <span className="flex gap-2">
          <span title={cost === null ? noStatistics : costTitle(program, ns)}>
            <span className="text-ink-2">{cost === null ? 'n/a' : count(cost)}</span> ns/run
          </span>
          <span className="code">id {program.id}</span>
        </span>
      </div>
      <div className={css.middle}>
        <span className={css.name}>{program.name}</span>
        <span>
          <Figure value={runs} unit="runs/s" reason={program.ours ? noSample : notOurs} />
        </span>
      </div>
      <VerdictBar verdicts={verdicts} />
      <div className={css.legend}>
        <Verdict verdicts={verdicts} reason={program.ours ? noSample : notOurs} />
      </div>
    </div>
  );
}

function costTitle(program: AttachedProgram, ns: number | null): string {
  const scope = `of all runs of ${program.name} (id ${program.id}) on this node, not only this pod’s`;
  return ns === null
    ? `ns per run, mean since it was loaded ${scope}`
    : `ns per run, mean of the last second ${scope}`;
}

/** Whole per cent, since three shares stand in one line; finer where it would be nothing. */
const shareText = (share: number): string => (share >= 0.1 ? `${Math.round(share * 100)}` : percent(share));

function VerdictBar({ verdicts }: { verdicts: VerdictShares | null }) {
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

function Verdict({ verdicts, reason }: { verdicts: VerdictShares | null; reason: string }) {
  if (verdicts === null)
    return (
      <span title={reason}>
        <em>verdicts</em>n/a
      </span>
    );
  const { pass, redirect, dropsPerSecond } = verdicts;
  return (
    <>
      {redirect > 0 && (
        <span>
          <em>redirect</em>
          {shareText(redirect)} %
        </span>
      )}
      <span>
        <em>pass</em>
        {shareText(pass)} %
      </span>
      <span className={dropsPerSecond > 0 ? 'text-signal-text' : ''}>
        <em>drop</em>
        {withFullSpaces(quantity(dropsPerSecond))}/s
      </span>
    </>
  );
}
