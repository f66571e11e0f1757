import type { GuardAction } from '../../../../contract/guard.ts';
import { clock } from '../../../_lib/format.ts';

const words: Record<GuardAction['action'], string> = {
  repair: 'Repaired',
  fallback: 'Moved to veth',
  'leave-alone': 'Left alone',
  resume: 'Resumed',
};

/** What the guard did with the pod and why, the newest first. */
export function GuardActionsList({
  actions,
  openMigration,
}: {
  actions: readonly GuardAction[];
  openMigration: (id: string) => void;
}) {
  if (actions.length === 0)
    return (
      <p className="flex h-9 items-center border-line-1 border-b text-12 text-ink-2">
        The guard has not had to do anything with this pod.
      </p>
    );
  return (
    <ul aria-label="Acts of the guard">
      {actions.map(({ time, action, because, failure, migrationId }) => (
        <li
          key={`${time} ${action}`}
          className="grid grid-cols-[112px_minmax(0,1fr)] gap-2.5 border-line-1 border-b py-1.5 text-12"
        >
          <time dateTime={time} className="text-muted tabular-nums">
            {clock(Date.parse(time))}
          </time>
          <div className="min-w-0">
            <p>
              <b className={`font-[550] ${failure === null ? '' : 'text-signal-text'}`}>
                {words[action]}
                {failure !== null && ', which failed'}
              </b>
              {migrationId !== null && (
                <button type="button" className="link ml-2" onClick={() => openMigration(migrationId)}>
                  the migration
                </button>
              )}
            </p>
            {[...because, ...(failure === null ? [] : [failure])].map((sentence) => (
              <p key={sentence} className="break-words text-ink-2">
                {sentence}
              </p>
            ))}
          </div>
        </li>
      ))}
    </ul>
  );
}
