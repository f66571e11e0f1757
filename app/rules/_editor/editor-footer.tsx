'use client';

import { useRouter } from 'next/navigation';
import type { ActiveRules, DraftRules } from '../../../contract/rules.ts';
import { Button, Key } from '../../_components/button.tsx';
import { notify } from '../../_components/toast.tsx';
import { useSaveDraft } from '../../_lib/rule-queries.ts';
import { workingCopyOf } from './use-synced-copy.ts';
import { changeCopy, openCopy, type WorkingCopy } from './working-copy.ts';

interface EditorFooterProps {
  copy: WorkingCopy | null;
  active: ActiveRules | undefined;
  draft: DraftRules | null;
  dirty: boolean;
  /** Whether the agent would take the text as it stands. */
  ready: boolean;
  /** Why this session may not change rules. */
  lacks: string | null;
  apply: () => void;
}

/** Where the text comes from, and what can be done with it. */
export function EditorFooter({ copy, active, draft, dirty, ready, lacks, apply }: EditorFooterProps) {
  const router = useRouter();
  const save = useSaveDraft();
  const changed = dirty || copy?.source === 'draft';
  const tryOut = () => {
    if (copy === null) return;
    const { text } = copy;
    save.mutate(
      { text, etag: draft?.etag ?? null },
      {
        onSuccess: () => {
          changeCopy({ opened: text, source: 'draft' });
          router.push('/rules/staged');
        },
        onError: (error) =>
          notify({ title: 'The draft was not taken', detail: error.message, tone: 'failed' }),
      },
    );
  };
  return (
    <footer className="sticky bottom-0 z-10 flex min-h-12 flex-wrap items-center gap-x-3 gap-y-2 border-line-2 border-t bg-surface-0 px-(--gutter) py-2">
      <p role="status" className="min-w-0 flex-1 text-12 text-ink-2 max-md:basis-full">
        {lacks ?? sourceWords(copy, dirty)}
      </p>
      <span aria-hidden="true" className="flex gap-3 text-12 text-muted max-lg:hidden">
        <span>
          <Key>Ctrl F</Key> searches
        </span>
        <span>
          <Key>Ctrl ⏎</Key> applies
        </span>
      </span>
      {dirty && active !== undefined && (
        <Button look="quiet" onClick={() => openCopy(workingCopyOf(active, draft))}>
          Discard changes
        </Button>
      )}
      <Button
        disabled={!ready || lacks !== null || save.isPending}
        title="Judge live traffic by this text as well, and only report what it would drop"
        onClick={tryOut}
      >
        Try out
      </Button>
      <Button look="primary" disabled={!ready || lacks !== null || !changed} onClick={apply}>
        Apply…
      </Button>
    </footer>
  );
}

function sourceWords(copy: WorkingCopy | null, dirty: boolean): string {
  if (copy === null) return '';
  const from = {
    active:
      copy.version === 0 ? 'Nothing is in force yet' : `From version ${copy.version}, which is in force`,
    draft: 'From the draft that is being tried out',
    import: 'Imported',
    example: 'An example',
    version: 'From an earlier version',
  }[copy.source];
  return dirty ? `${from}; not applied.` : `${from}.`;
}
