import type { GuardAction } from '../../../../contract/guard.ts';
import { formatClockTime } from '../../../_lib/format.ts';
import { guardActionLabels, guardText } from './text.ts';

/** Lists the guard's actions on a pod with their reasons, newest first. */
export function GuardActionList({
  actions,
  openMigration,
}: {
  actions: readonly GuardAction[];
  openMigration: (id: string) => void;
}) {
  if (actions.length === 0)
    return (
      <p className="flex h-9 items-center border-line-1 border-b text-12 text-ink-2">{guardText.noActions}</p>
    );
  return (
    <ul aria-label={guardText.actions}>
      {actions.map(({ time, action, because, failure, migrationId }) => (
        <li
          key={`${time} ${action}`}
          className="grid grid-cols-[112px_minmax(0,1fr)] gap-2.5 border-line-1 border-b py-1.5 text-12"
        >
          <time dateTime={time} className="text-muted tabular-nums">
            {formatClockTime(Date.parse(time))}
          </time>
          <div className="min-w-0">
            <p>
              <b className={`font-[550] ${failure === null ? '' : 'text-signal-text'}`}>
                {guardActionLabels[action]}
                {failure !== null && guardText.actionFailed}
              </b>
              {migrationId !== null && (
                <button type="button" className="link ml-2" onClick={() => openMigration(migrationId)}>
                  {guardText.migration}
                </button>
              )}
            </p>
            {[...because, ...(failure === null ? [] : [failure])].map((reason) => (
              <p key={reason} className="break-words text-ink-2">
                {reason}
              </p>
            ))}
          </div>
        </li>
      ))}
    </ul>
  );
}
