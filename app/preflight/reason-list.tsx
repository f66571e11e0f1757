'use client';

import { useState } from 'react';
import type { ExplainedReason, PreflightFinding, PreflightPod } from '../../contract/preflight.ts';
import type { PreflightReason } from '../../contract/preflight-reasons.ts';
import { Button } from '../_components/button.tsx';
import { listFindingsOfReason, type NamedFinding } from './preflight-filter.ts';
import { OutcomeLabel } from './preflight-marks.tsx';
import { RemedyCommand } from './remedy-command.tsx';
import {
  formatFilterByReason,
  formatMoreDetails,
  formatOpenPodPreflight,
  formatPodCount,
  preflightText,
} from './text.ts';

/** Number of findings of a reason that are shown at first; notes are mostly alike. */
const shownFindings = { note: 1, other: 3 };

interface ReasonListProps {
  reasons: readonly ExplainedReason[];
  ofNode: readonly PreflightFinding[];
  pods: readonly PreflightPod[];
  /** Reason that the pods are filtered by. */
  chosen: PreflightReason | null;
  choose: (reason: PreflightReason | null) => void;
  open: (pod: string) => void;
}

/** Lists each reason once, with its remedy and what it concerns. */
export function ReasonList({ reasons, ofNode, pods, chosen, choose, open }: ReasonListProps) {
  return (
    <ul className="border-line-2 border-t">
      {reasons.map((reason) => (
        <Reason
          key={reason.reason}
          reason={reason}
          findings={listFindingsOfReason(reason.reason, ofNode, pods)}
          chosen={chosen === reason.reason}
          choose={() => choose(chosen === reason.reason ? null : reason.reason)}
          open={open}
        />
      ))}
    </ul>
  );
}

interface ReasonProps {
  reason: ExplainedReason;
  findings: readonly NamedFinding[];
  chosen: boolean;
  choose: () => void;
  open: (pod: string) => void;
}

function Reason({
  reason: { reason, outcome, title, remedy, command, pods },
  findings,
  chosen,
  choose,
  open,
}: ReasonProps) {
  const [all, setAll] = useState(false);
  const shown = all
    ? findings
    : findings.slice(0, outcome === 'note' ? shownFindings.note : shownFindings.other);
  return (
    <li id={reason} className="border-line-1 border-b py-2.5">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <span className="text-12">
          <OutcomeLabel outcome={outcome} />
        </span>
        <h3 className="font-semibold">{title}</h3>
        <span className="code text-12 text-muted">{reason}</span>
        <span className="flex-1" />
        {pods > 0 && (
          <Button
            size="small"
            className="aria-pressed:bg-surface-3"
            aria-pressed={chosen}
            title={formatFilterByReason(reason, pods)}
            onClick={choose}
          >
            {formatPodCount(pods)}
          </Button>
        )}
      </div>
      {remedy !== null && <p className="mt-0.5 max-w-[90ch] text-ink-2">{remedy}</p>}
      {command !== null && <RemedyCommand command={command} />}
      <ul className="mt-1 text-12">
        {shown.map((finding) => (
          <li key={`${finding.pod} ${finding.subject} ${finding.detail}`} className="py-0.5">
            <p className="[overflow-wrap:anywhere]">
              {finding.pod === null ? (
                <span className="text-muted">{preflightText.ofNode}</span>
              ) : (
                <button
                  type="button"
                  className="link text-ink-1"
                  title={formatOpenPodPreflight(finding.pod)}
                  onClick={() => open(finding.pod ?? '')}
                >
                  {finding.pod}
                </button>
              )}{' '}
              <span className="text-ink-2">{finding.detail}</span>
            </p>
            {finding.remedy !== null && <p className="text-ink-2">{finding.remedy}</p>}
            {finding.command !== null && <RemedyCommand command={finding.command} />}
          </li>
        ))}
      </ul>
      {findings.length > shown.length && (
        <button type="button" className="link mt-0.5 text-12 text-ink-2" onClick={() => setAll(true)}>
          {formatMoreDetails(findings.length - shown.length)}
        </button>
      )}
    </li>
  );
}
