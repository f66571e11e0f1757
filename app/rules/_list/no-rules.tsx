'use client';

import { useRouter } from 'next/navigation';
import type { ActiveRules } from '../../../contract/rules.ts';
import { Button } from '../../_components/button.tsx';
import { EmptyState } from '../../_components/empty-state.tsx';
import { openRulesWorkingCopy } from '../_editor/working-copy.ts';
import { rulesText } from '../text.ts';
import { exampleRules } from './example-rules.ts';

/** Renders a message in place of the rule list if no rules are active: explains rules and offers an example. */
export function NoRulesNotice({ active }: { active: ActiveRules }) {
  const router = useRouter();
  const begin = (text: string, source: 'example' | 'active') => {
    openRulesWorkingCopy({ text, opened: '', source, version: active.version, etag: active.etag });
    router.push('/rules/editor');
  };
  return (
    <div className="grid gap-4 px-(--gutter) py-6">
      <EmptyState
        title={rulesText.noRulesTitle}
        action={
          <div className="mt-2 flex flex-wrap gap-2">
            <Button look="primary" onClick={() => begin(exampleRules, 'example')}>
              {rulesText.openExample}
            </Button>
            <Button onClick={() => router.push('/rules/editor?import')}>{rulesText.importDialog}</Button>
          </div>
        }
      >
        <p>{rulesText.noRulesDetail}</p>
        <pre className="code mt-3 overflow-x-auto border-line-1 border-y py-2 text-ink-1">{exampleRules}</pre>
        <p className="mt-2 text-12 text-muted">{rulesText.exampleNote}</p>
      </EmptyState>
    </div>
  );
}
