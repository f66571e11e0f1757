import type { PreflightCheck, PreflightFinding } from '../../contract/preflight.ts';
import { preflightReasons } from '../../contract/preflight-reasons.ts';
import { OutcomeLabel } from './preflight-marks.tsx';
import { RemedyCommand } from './remedy-command.tsx';

/** Lists the subjects of a preflight: the state of each, what was looked at, and what was found. */
export function CheckList({ checks, label }: { checks: readonly PreflightCheck[]; label: string }) {
  return (
    <ul aria-label={label} className="border-line-2 border-t">
      {checks.map(({ subject, title, looked, state, findings }) => (
        <li
          key={subject}
          className="grid grid-cols-[108px_minmax(0,1fr)] items-start gap-x-3 border-line-1 border-b py-1.5 text-12 max-sm:grid-cols-1"
        >
          <span className="pt-0.5">
            <OutcomeLabel outcome={state} />
          </span>
          <div className="min-w-0">
            <p>
              <b className="font-[550] text-13">{title}</b> <span className="text-muted">{looked}</span>
            </p>
            {findings.map((finding) => (
              <Finding
                key={`${finding.reason} ${finding.detail}`}
                finding={finding}
                showOutcome={findings.length > 1}
              />
            ))}
          </div>
        </li>
      ))}
    </ul>
  );
}

/** Shows a finding with its reason, remedy and command. */
function Finding({
  finding: { reason, outcome, detail, remedy, command },
  showOutcome,
}: {
  finding: PreflightFinding;
  showOutcome: boolean;
}) {
  const text = preflightReasons[reason];
  const own = 'command' in text ? text.command : null;
  return (
    <div className="mt-1.5 border-line-2 border-l pl-3">
      <p className="flex flex-wrap items-baseline gap-x-2">
        {showOutcome && <OutcomeLabel outcome={outcome} />} <b className="font-[550]">{text.title}</b>
        <span className="code text-muted">{reason}</span>
      </p>
      <p className="text-ink-2 [overflow-wrap:anywhere]">{detail}</p>
      {(remedy ?? text.remedy) !== null && (
        <p className="[overflow-wrap:anywhere]">{remedy ?? text.remedy}</p>
      )}
      {(command ?? own) !== null && <RemedyCommand command={command ?? own ?? ''} />}
    </div>
  );
}
