'use client';

import { useRouter, useSearchParams } from 'next/navigation';
import { useMemo, useState } from 'react';
import type { ActiveRules } from '../../../contract/rules.ts';
import { Button } from '../../_components/button.tsx';
import { FormField, formInputClasses } from '../../_components/form-field.tsx';
import { SelectField } from '../../_components/select-field.tsx';
import { SideSheet } from '../../_components/side-sheet.tsx';
import { showToast } from '../../_components/toast.tsx';
import { useImportedRules } from '../../_lib/rule-queries.ts';
import { useDebouncedValue } from '../../_lib/use-debounced-value.ts';
import { sharedText } from '../../_text/shared.ts';
import { ImportEffect, ImportErrors } from './import-effect.tsx';
import { editorText } from './text.ts';
import { openRulesWorkingCopy } from './working-copy.ts';

/** Delay in ms between the last keystroke and the check. */
const settleMs = 350;

/**
 * Sheet that imports rules into the editor from a file or pasted text: a Podlane rule set or Kubernetes
 * NetworkPolicies, in place of the active rules or merged with them. `?import` in the URL opens it.
 */
export function ImportRulesSheet({ dirty, active }: { dirty: boolean; active: ActiveRules | undefined }) {
  const open = useSearchParams().has('import');
  const router = useRouter();
  const [text, setText] = useState('');
  const [merge, setMerge] = useState(false);
  const asked = useDebouncedValue(
    useMemo(() => ({ text, merge }), [text, merge]),
    settleMs,
  );
  const checked = useImportedRules(open && asked.text.trim() !== '' ? asked.text : null, asked.merge);
  if (!open) return null;
  const current = asked.text === text && asked.merge === merge && !checked.isFetching;
  const imported = current && checked.error === null ? checked.data : undefined;
  const close = () => router.replace('/rules/editor', { scroll: false });
  const take = () => {
    if (imported === undefined) return;
    openRulesWorkingCopy({
      text: imported.text,
      opened: '',
      source: 'import',
      version: active?.version ?? 0,
      etag: active?.etag ?? '',
    });
    showToast({
      title: editorText.rulesImported(imported.rules.rules.length, editorText.importSource[imported.source]),
      detail: editorText.importedDetail,
      tone: 'done',
    });
    setText('');
    close();
  };
  return (
    <SideSheet
      open
      onOpenChange={(next) => !next && close()}
      title={editorText.importRules}
      description={editorText.importDescription}
      footer={
        <>
          <p role="status" className="min-w-0 flex-1 text-12 text-ink-2 max-md:basis-full">
            {dirty && editorText.importReplaces}
          </p>
          <Button onClick={close}>{sharedText.cancel}</Button>
          <Button
            look="primary"
            disabled={text.trim() === '' || imported === undefined || active === undefined}
            onClick={take}
          >
            {editorText.import}
          </Button>
        </>
      }
    >
      <div className="grid gap-4 p-6 max-md:p-4">
        <FormField label={editorText.importFile}>
          {(tied) => (
            <input
              {...tied}
              type="file"
              accept=".yaml,.yml,.json,application/yaml,text/yaml,application/json"
              onChange={(event) => {
                event.target.files?.[0]
                  ?.text()
                  .then(setText, ({ message }: Error) =>
                    showToast({ title: sharedText.fileUnreadable, detail: message, tone: 'failed' }),
                  );
              }}
              className="min-h-(--control) text-12 text-ink-2 file:mr-3 file:h-(--control) file:rounded-2 file:border file:border-line-2 file:bg-surface-1 file:px-2.5 file:text-13 file:text-ink-1"
            />
          )}
        </FormField>
        <FormField label={editorText.importText} hint={editorText.importHint}>
          {(tied) => (
            <textarea
              {...tied}
              value={text}
              onChange={(event) => setText(event.target.value)}
              spellCheck={false}
              rows={16}
              className={`${formInputClasses} code h-auto! w-full resize-y py-1.5`}
            />
          )}
        </FormField>
        {active !== undefined && active.rules !== null && (
          <SelectField
            label={editorText.importMode}
            value={merge ? 'merge' : 'replace'}
            change={(mode) => setMerge(mode === 'merge')}
            options={editorText.importModes}
          />
        )}
        {current && checked.error !== null && <ImportErrors error={checked.error} />}
        {imported !== undefined && <ImportEffect imported={imported} merge={merge} />}
      </div>
    </SideSheet>
  );
}
