'use client';

import type { RulesPlan, RuleView } from '../../../contract/rules.ts';
import { ValueSkeleton } from '../../_components/skeleton.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { formatCount, formatDuration } from '../../_lib/format.ts';
import { PodLinkList } from '../_rule/pod-links.tsx';
import { RuleEntriesTable } from '../_rule/rule-entries-table.tsx';
import { formatRuleChanges } from './rule-changes.tsx';
import { RuleSizesTable } from './sizes-table.tsx';
import { editorText } from './text.ts';
import type { EditorLineDiagnostic } from './yaml-editor.tsx';

interface PlanPaneProps {
  plan: RulesPlan | undefined;
  error: Error | null;
  notes: readonly EditorLineDiagnostic[];
  /** True if the plan belongs to the current text. */
  current: boolean;
  /** Name of the rule at the cursor; null if there is none. */
  rule: string | null;
  goToLine: (line: number) => void;
}

/** Shows the dry run of the editor's text: validity, changes and compiled sizes. Nothing is applied. */
export function RulesPlanPane({ plan, error, notes, current, rule, goToLine }: PlanPaneProps) {
  return (
    <div className="grid content-start gap-5 px-4 py-3 max-lg:px-(--gutter)">
      <section aria-labelledby="dry-run">
        <h2 id="dry-run" className="flex min-h-7 items-center gap-3 font-semibold">
          {editorText.check}
          <span role="status" className="truncate font-normal text-12 text-muted">
            {statusOf({ plan, error, notes, current })}
          </span>
        </h2>
        <Notes notes={notes} goToLine={goToLine} />
        {error !== null && notes.length === 0 && (
          <p
            role="alert"
            className="flex items-start gap-1.5 border-line-2 border-t py-1.5 text-12 text-ink-2"
          >
            <WarningIcon className="mt-px size-3.5" /> {error.message}
          </p>
        )}
        {plan === undefined && error === null && <Waiting />}
        {plan !== undefined && error === null && (
          <div className={`border-line-2 border-t pt-1 ${current ? '' : 'opacity-60'}`}>
            <p className="flex min-h-6 flex-wrap items-center gap-x-4 text-12 text-ink-2">
              <span>{formatRuleChanges(plan.changes)}</span>
              <span className="tabular-nums">
                {editorText.writes(formatCount(plan.write.written), formatCount(plan.write.removed))}
              </span>
              <span className="text-muted tabular-nums">
                {editorText.compiledIn(formatDuration(plan.compileMs))}
              </span>
            </p>
            <RuleSizesTable sizes={plan.sizes} limits={plan.limits} />
          </div>
        )}
      </section>
      {error === null && plan !== undefined && <RuleAtCursorEntries view={plan.view ?? null} rule={rule} />}
    </div>
  );
}

function statusOf({
  plan,
  error,
  notes,
  current,
}: Pick<PlanPaneProps, 'plan' | 'error' | 'notes' | 'current'>) {
  if (!current) return editorText.checking;
  if (error !== null) return notes.length > 1 ? editorText.invalidWithErrors(notes.length) : 'refused';
  if (plan === undefined) return '';
  return notes.length === 0
    ? editorText.valid
    : editorText.validWithWarnings(notes.length, notes.length === 1 ? 'warning' : 'warnings');
}

/** Lists the diagnostics of the editor's text; each one moves the cursor to its line. */
function Notes({ notes, goToLine }: Pick<PlanPaneProps, 'notes' | 'goToLine'>) {
  if (notes.length === 0) return null;
  return (
    <ul className="max-h-56 overflow-y-auto border-line-2 border-t text-12">
      {notes.map(({ line, severity, message }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two lines may have the same message
        <li key={index} className="border-line-1 border-b">
          <button
            type="button"
            onClick={() => goToLine(line)}
            className="grid w-full grid-cols-[14px_52px_minmax(0,1fr)] items-start gap-1.5 py-1 text-left hover:bg-surface-2"
          >
            {severity === 'error' ? (
              <WarningIcon className="mt-px size-3.5" />
            ) : (
              <span aria-hidden="true" className="mt-px text-center text-muted">
                !
              </span>
            )}
            <span className="text-muted tabular-nums">{editorText.line(line)}</span>
            <span className="min-w-0 break-words text-ink-2">
              <span className="sr-only">{severity}: </span>
              {message}
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Shows the compiled entries of the rule at the cursor. */
export function RuleAtCursorEntries({ view, rule }: { view: RuleView | null; rule: string | null }) {
  const shown = view !== null && view.rule.name === rule ? view : null;
  return (
    <section aria-labelledby="under-cursor" className="min-w-0">
      <h2 id="under-cursor" className="flex min-h-7 items-center gap-3 font-semibold">
        <span className="truncate">{rule ?? editorText.noRuleAtCursor}</span>
        {shown !== null && (
          <span className="flex-none font-normal text-12 text-muted tabular-nums">
            {formatCount(shown.entryCount)} {shown.entryCount === 1 ? 'entry' : 'entries'}
          </span>
        )}
      </h2>
      <div className="border-line-2 border-t pt-1.5 text-12">
        {rule === null ? (
          <p className="text-ink-2">{editorText.cursorHint}</p>
        ) : shown === null ? (
          <Waiting />
        ) : (
          <>
            <div className="flex gap-2 pb-1.5">
              <span className="flex-none text-muted">{editorText.appliesTo}</span>
              <PodLinkList pods={shown.pods} none={editorText.noPods} />
            </div>
            {shown.entryCount === 0 ? (
              <p className="text-ink-2">{shown.warning ?? editorText.noEntriesReason}</p>
            ) : (
              <RuleEntriesTable entries={shown.entries} total={shown.entryCount} counted={false} />
            )}
          </>
        )}
      </div>
    </section>
  );
}

function Waiting() {
  return ['w-56', 'w-40', 'w-48'].map((width) => (
    <span key={width} className="flex h-6 items-center border-line-1 border-b">
      <ValueSkeleton className={width} />
    </span>
  ));
}
