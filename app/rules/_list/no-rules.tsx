'use client';

import { useRouter } from 'next/navigation';
import type { ActiveRules } from '../../../contract/rules.ts';
import { Button } from '../../_components/button.tsx';
import { EmptyState } from '../../_components/empty-state.tsx';
import { openCopy } from '../_editor/working-copy.ts';
import { exampleRules } from './example-rules.ts';

/** Nothing is in force: what rules are, and one to begin with. */
export function NoRules({ active }: { active: ActiveRules }) {
  const router = useRouter();
  const begin = (text: string, source: 'example' | 'active') => {
    openCopy({ text, opened: '', source, version: active.version, etag: active.etag });
    router.push('/rules/editor');
  };
  return (
    <div className="grid gap-4 px-(--gutter) py-6">
      <EmptyState
        title="No access rules"
        action={
          <div className="mt-2 flex flex-wrap gap-2">
            <Button look="primary" onClick={() => begin(exampleRules, 'example')}>
              Open this example in the editor
            </Button>
            <Button onClick={() => router.push('/rules/editor?import')}>
              Import YAML or NetworkPolicies…
            </Button>
          </div>
        }
      >
        <p>
          Rules decide which connections the pods of this node may have; replies to allowed ones always pass.
          Without rules, everything passes and costs nothing.
        </p>
        <pre className="code mt-3 overflow-x-auto border-line-1 border-y py-2 text-ink-1">{exampleRules}</pre>
        <p className="mt-2 text-12 text-muted">
          Opening it changes nothing: the editor says beforehand what it would do, and a try-out shows on live
          traffic what it would drop.
        </p>
      </EmptyState>
    </div>
  );
}
