import { Check, Info } from 'lucide-react';
import type { MigrationCheck as PlanCheck } from '../../../../contract/migration.ts';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { migrationText, splitPreflightCheckNote } from './text.ts';

/** Lists the checks made before a migration: passed checks, notes, and checks that refuse the migration. */
export function PreflightCheckList({ checks }: { checks: readonly PlanCheck[] }) {
  const of = (state: PlanCheck['state']) => checks.filter((check) => check.state === state).length;
  const counts = [
    [of('refused'), 'refused'],
    [of('passed'), 'passed'],
    [of('note'), 'notes'],
  ] as const;
  return (
    <section aria-labelledby="preflight">
      <div className="flex h-7 items-center gap-3">
        <h3 id="preflight" className="font-semibold">
          {migrationText.preflight}
        </h3>
        <span className="text-12 text-muted">
          {counts
            .filter(([number]) => number > 0)
            .map(([number, label]) => `${number} ${label}`)
            .join(', ')}
        </span>
      </div>
      <ul>
        {checks.map((check) => (
          <CheckLine key={check.name} check={check} />
        ))}
      </ul>
    </section>
  );
}

function CheckLine({ check: { name, state, detail, code } }: { check: PlanCheck }) {
  const refused = state === 'refused';
  return (
    <li
      className={`grid grid-cols-[18px_minmax(0,auto)_minmax(0,1fr)] gap-x-1.5 py-[3px] text-12 ${state === 'passed' ? 'items-center' : 'items-start'}`}
    >
      <span className="grid h-4 place-items-center">
        {state === 'passed' && (
          <Check aria-hidden="true" className="size-3.5 text-accent-text" strokeWidth={2.4} />
        )}
        {state === 'note' && <Info aria-hidden="true" className="size-3.5 text-muted" strokeWidth={1.6} />}
        {refused && <WarningIcon />}
        <span className="sr-only">{state}</span>
      </span>
      {refused ? (
        <span className="col-span-2">
          <b className="font-semibold text-signal-text">{name}.</b> {detail}
          {code !== null && <span className="code text-muted"> {code}</span>}
        </span>
      ) : state === 'note' ? (
        <span className="col-span-2 [overflow-wrap:anywhere]">
          <b className="font-[550]">{name}</b>
          {splitPreflightCheckNote(detail).map((line) => (
            <span key={line} className="block text-ink-2">
              {line}
            </span>
          ))}
        </span>
      ) : (
        <>
          <span className="truncate" title={name}>
            {name}
          </span>
          <span className="truncate text-right text-muted" title={detail}>
            {detail}
          </span>
        </>
      )}
    </li>
  );
}
