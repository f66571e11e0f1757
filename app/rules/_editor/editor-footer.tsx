'use client';

import { useRouter } from 'next/navigation';
import type { ActiveRules, StagedRules } from '../../../contract/rules.ts';
import { Button, KeyboardKey } from '../../_components/button.tsx';
import { showToast } from '../../_components/toast.tsx';
import { useStageRules } from '../../_lib/rule-queries.ts';
import { editorText } from './text.ts';
import { createRulesWorkingCopy } from './use-synced-copy.ts';
import { openRulesWorkingCopy, type RulesWorkingCopy, updateRulesWorkingCopy } from './working-copy.ts';

interface EditorFooterProps {
  copy: RulesWorkingCopy | null;
  active: ActiveRules | undefined;
  staged: StagedRules | null;
  dirty: boolean;
  /** True if the agent accepts the current text. */
  ready: boolean;
  /** Reason why this session is not allowed to change rules; null if it is. */
  missingRole: string | null;
  apply: () => void;
}

/** Renders the footer of the rule editor: origin of the text, and buttons to discard, stage or apply it. */
export function RuleEditorFooter({
  copy,
  active,
  staged,
  dirty,
  ready,
  missingRole,
  apply,
}: EditorFooterProps) {
  const router = useRouter();
  const save = useStageRules();
  const changed = dirty || copy?.source === 'staged';
  const stage = () => {
    if (copy === null) return;
    const { text } = copy;
    save.mutate(
      { text, etag: staged?.etag ?? null },
      {
        onSuccess: () => {
          updateRulesWorkingCopy({ opened: text, source: 'staged' });
          router.push('/rules/staged');
        },
        onError: (error) =>
          showToast({ title: editorText.stagingFailed, detail: error.message, tone: 'failed' }),
      },
    );
  };
  return (
    <footer className="sticky bottom-0 z-10 flex min-h-12 flex-wrap items-center gap-x-3 gap-y-2 border-line-2 border-t bg-surface-0 px-(--gutter) py-2">
      <p role="status" className="min-w-0 flex-1 text-12 text-ink-2 max-md:basis-full">
        {missingRole ?? sourceWords(copy, dirty)}
      </p>
      <span aria-hidden="true" className="flex gap-3 text-12 text-muted max-lg:hidden">
        <span>
          <KeyboardKey>Ctrl F</KeyboardKey> {editorText.search}
        </span>
        <span>
          <KeyboardKey>Ctrl ⏎</KeyboardKey> {editorText.apply}
        </span>
      </span>
      {dirty && active !== undefined && (
        <Button look="quiet" onClick={() => openRulesWorkingCopy(createRulesWorkingCopy(active, staged))}>
          {editorText.discardChanges}
        </Button>
      )}
      <Button
        disabled={!ready || missingRole !== null || save.isPending}
        title={editorText.stageTitle}
        onClick={stage}
      >
        {editorText.stage}
      </Button>
      <Button look="primary" disabled={!ready || missingRole !== null || !changed} onClick={apply}>
        {editorText.applyDialog}
      </Button>
    </footer>
  );
}

function sourceWords(copy: RulesWorkingCopy | null, dirty: boolean): string {
  if (copy === null) return '';
  const from = {
    active: copy.version === 0 ? editorText.fromNothing : editorText.fromActive(copy.version),
    staged: editorText.fromStaged,
    import: editorText.fromImport,
    example: editorText.fromExample,
    version: editorText.fromVersion,
  }[copy.source];
  return dirty ? editorText.notApplied(from) : `${from}.`;
}
