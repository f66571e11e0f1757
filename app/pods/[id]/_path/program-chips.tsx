import type { CSSProperties } from 'react';
import type { Direction } from '../../../../contract/direction.ts';
import css from './path.module.css';
import type { PathDiagramData } from './path-diagram-types.ts';
import { listHooksWithPrograms } from './path-hops.ts';
import { ProgramChip } from './program-chip.tsx';
import { computeProgramRunRate, computeVerdictShares } from './program-rates.ts';
import { formatEmptyHookWithPolicy, pathText } from './text.ts';

/** Returns the number of programs per direction, which the path diagram's layout depends on. */
export function countProgramsByDirection(view: PathDiagramData): { egress: number; ingress: number } {
  const of = (direction: Direction) =>
    view.device === null
      ? 0
      : listHooksWithPrograms(view.device, direction).reduce((sum, { programs }) => sum + programs.length, 0);
  return { egress: of('egress'), ingress: of('ingress') };
}

/** Shows the programs of one direction below each other, in order of execution. */
export function ProgramChipStack(props: {
  view: PathDiagramData;
  direction: Direction;
  style: CSSProperties;
}) {
  const { view, direction, style } = props;
  if (view.device === null) return null;
  const hooks = listHooksWithPrograms(view.device, direction);
  return (
    <div className={css.chips} style={style}>
      {hooks.flatMap(({ hook, programs }) =>
        programs.length === 0
          ? [<EmptyHook key={hook} hook={hook} view={view} />]
          : programs.map((program) => (
              <ProgramChip
                key={`${hook} ${program.id}`}
                hook={hook}
                program={program}
                runs={view.rates === null ? null : computeProgramRunRate(view.rates, direction)}
                ns={view.nsPerRun.get(program.id) ?? null}
                verdicts={computeVerdictShares(view.rates, direction)}
              />
            )),
      )}
    </div>
  );
}

/** Shows a hook without a program, with the netkit policy that applies instead. */
function EmptyHook({ hook, view }: { hook: string; view: PathDiagramData }) {
  const policy = hook === 'netkit/peer' ? view.device?.policy?.peer : view.device?.policy?.primary;
  return (
    <div className={`${css.chip} border-dashed`}>
      <div className={css.top}>
        <span className="code text-kind-text">{hook}</span>
      </div>
      <p className="text-12 text-ink-2">
        {policy === undefined ? pathText.emptyHookUncounted : formatEmptyHookWithPolicy(policy)}
      </p>
    </div>
  );
}
