'use client';

import dynamic from 'next/dynamic';
import { useRouter, useSearchParams } from 'next/navigation';
import { useEffect, useId, useMemo, useRef, useState } from 'react';
import { ErrorState } from '../../_components/error-state.tsx';
import { ValueSkeleton } from '../../_components/skeleton.tsx';
import { useActiveRules, useRuleDetails, useRulesDryRun, useStagedRules } from '../../_lib/rule-queries.ts';
import { useMissingRoleReason } from '../../_lib/session-queries.ts';
import { useDebouncedValue } from '../../_lib/use-debounced-value.ts';
import { ApplyEditedRulesSheet } from './apply-sheet.tsx';
import { RulesConflictBanner } from './conflict-banner.tsx';
import { RuleEditorFooter } from './editor-footer.tsx';
import { ImportRulesSheet } from './import-sheet.tsx';
import { buildLineDiagnostics } from './line-diagnostics.ts';
import { RuleAtCursorEntries, RulesPlanPane } from './rules-plan-pane.tsx';
import { editorText } from './text.ts';
import { useSyncedRulesWorkingCopy } from './use-synced-copy.ts';
import { updateRulesWorkingCopy } from './working-copy.ts';
import type { YamlEditorHandle } from './yaml-editor.tsx';

const YamlEditor = dynamic(() => import('./yaml-editor.tsx'), { ssr: false, loading: () => <Lines /> });

/** Delay in ms between the last keystroke and the dry run. */
const settleMs = 350;

/** Page of the rule editor: YAML beside the result of a dry run. Nothing changes until the rules are applied. */
export function RuleEditorPage() {
  const active = useActiveRules();
  const staged = useStagedRules();
  const { copy, dirty, outdated } = useSyncedRulesWorkingCopy(active.data, staged.data);
  const [rule, setRule] = useState<string | null>(null);
  const [applying, setApplying] = useState(false);
  const missingRole = useMissingRoleReason('operator');
  const editor = useRef<YamlEditorHandle>(null);
  const describedBy = useId();

  const text = copy?.text ?? null;
  const asked = useDebouncedValue(
    useMemo(() => ({ text, rule }), [text, rule]),
    settleMs,
  );
  // Sessions that may not change rules may not request a dry run either: shows the active rules instead.
  const plan = useRulesDryRun(missingRole === null ? asked.text : null, asked.rule);
  const { data: known } = useRuleDetails(
    missingRole === null ? null : rule,
    copy?.source === 'staged' ? 'staged' : 'active',
  );
  const empty = text !== null && text.trim() === '';
  const notes = useMemo(() => buildLineDiagnostics(plan.data, plan.error), [plan.data, plan.error]);
  const current = asked.text === text && !plan.isPlaceholderData && !plan.isFetching;
  useGoToRule(editor, copy !== null);

  const error = active.error ?? staged.error;
  if (copy === null && error !== null)
    return (
      <div className="px-(--gutter) py-6">
        <ErrorState
          error={error}
          retry={() => {
            void active.refetch();
            void staged.refetch();
          }}
        />
      </div>
    );
  const ready = current && plan.data !== undefined && plan.error === null && !empty;
  return (
    <>
      {outdated && active.data !== undefined && (
        <RulesConflictBanner active={active.data} staged={staged.data ?? null} />
      )}
      <div className="grid flex-1 lg:grid-cols-[minmax(0,1fr)_minmax(0,560px)]">
        <section
          aria-label={editorText.rulesAsYaml}
          className="h-[56dvh] border-line-1 border-b lg:sticky lg:top-(--chrome) lg:h-[calc(100dvh-var(--chrome)-48px)] lg:border-r lg:border-b-0"
        >
          {copy === null ? (
            <Lines />
          ) : (
            <YamlEditor
              text={copy.text}
              change={(next) => updateRulesWorkingCopy({ text: next })}
              onRule={(span) => setRule(span?.name ?? null)}
              onSubmit={() => ready && missingRole === null && setApplying(true)}
              notes={current ? notes : []}
              readOnly={missingRole !== null}
              label={editorText.rulesAsYaml}
              describedBy={describedBy}
              handle={editor}
            />
          )}
        </section>
        <aside aria-label={editorText.effect} className="min-w-0 max-lg:pb-4">
          {empty ? (
            <p className="px-4 py-3 text-ink-2 max-lg:px-(--gutter)">{editorText.emptyEditor}</p>
          ) : missingRole !== null ? (
            <div className="px-4 py-3 max-lg:px-(--gutter)">
              <RuleAtCursorEntries view={known ?? null} rule={rule} />
            </div>
          ) : (
            <RulesPlanPane
              plan={plan.data}
              error={plan.error}
              notes={notes}
              current={current}
              rule={rule}
              goToLine={(line) => editor.current?.goToLine(line)}
            />
          )}
        </aside>
      </div>
      <p id={describedBy} className="sr-only">
        {editorText.editorKeys}
      </p>
      <RuleEditorFooter
        copy={copy}
        active={active.data}
        staged={staged.data ?? null}
        dirty={dirty}
        ready={ready}
        missingRole={missingRole}
        apply={() => setApplying(true)}
      />
      {applying && copy !== null && plan.data !== undefined && (
        <ApplyEditedRulesSheet copy={copy} plan={plan.data} close={() => setApplying(false)} />
      )}
      <ImportRulesSheet dirty={dirty} active={active.data} />
    </>
  );
}

/** Moves the cursor to the rule that `?rule=` in the URL names, once the editor is loaded. */
function useGoToRule(editor: React.RefObject<YamlEditorHandle | null>, ready: boolean): void {
  const rule = useSearchParams().get('rule');
  const router = useRouter();
  useEffect(() => {
    if (rule === null || !ready) return;
    // The editor loads after the page; a rule that does not exist is given up after three seconds.
    let tries = 60;
    const timer = setInterval(() => {
      tries -= 1;
      if (editor.current?.goToRule(rule) !== true && tries > 0) return;
      clearInterval(timer);
      router.replace('/rules/editor', { scroll: false });
    }, 50);
    return () => clearInterval(timer);
  }, [rule, ready, editor, router]);
}

/** Renders a placeholder for the lines of the editor while it is loading. */
function Lines() {
  return (
    <div aria-busy="true" className="grid content-start gap-3 p-4">
      {['w-40', 'w-24', 'w-32', 'w-56', 'w-48', 'w-64', 'w-40'].map((width, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: bars without identity
        <ValueSkeleton key={index} className={`${width} ${index > 1 ? 'ml-6' : ''}`} />
      ))}
    </div>
  );
}
